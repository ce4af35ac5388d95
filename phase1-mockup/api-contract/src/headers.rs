//! Header names that are part of the contract.

/// Carries a session id (stateful servers). Accepted here and nowhere else in Phase 1.
pub const SESSION_ID: &str = "x-session-id";

/// The id of the replica that answered. On every reply.
pub const SERVED_BY: &str = "x-served-by";

/// The request's id: taken over if well-formed, else made. On every reply.
pub const REQUEST_ID: &str = "x-request-id";

/// Makes a repeated upload happen once (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
