//! Header names that are part of the contract.

/// The session id (stateful servers). In Phase 1 no other place of a request is accepted.
pub const SESSION_ID: &str = "x-session-id";

/// The id of the replica that answered. On every reply.
pub const SERVED_BY: &str = "x-served-by";

/// The request id: the client's if well-formed, else a new one. On every reply.
pub const REQUEST_ID: &str = "x-request-id";

/// Makes a retried upload take effect once (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
