//! Paths of the contract. Parameters are written as axum does: `{file_id}`.

/// `POST`: a login; the reply has a session id (stateful).
pub const SESSION_START: &str = "/api/session/start";
/// `GET`: the state of this session (stateful).
pub const SESSION: &str = "/api/session";
/// `POST`: ends the session (stateful).
pub const SESSION_END: &str = "/api/session/end";

/// `POST`: a login; the reply has a signed token (stateless).
pub const TOKEN: &str = "/api/token";

/// `POST`: exchanges a refresh token for its successor and a new access token (Phase 2).
pub const TOKEN_REFRESH: &str = "/api/token/refresh";
/// `POST`: revokes a token before it expires, if the design supports that (Phase 2).
pub const TOKEN_REVOKE: &str = "/api/token/revoke";
/// `GET`: the public keys that verify tokens (JWK set, RFC 7517; Phase 2).
pub const JWKS: &str = "/.well-known/jwks.json";

/// `POST`: changes the password and ends all other sessions and tokens (Phase 2).
pub const ACCOUNT_PASSWORD: &str = "/api/account/password";
/// `POST`: ends all sessions and tokens of the caller (Phase 2).
pub const ACCOUNT_SIGN_OUT: &str = "/api/account/sign-out";

/// `GET`: the accounts of the caller's organisation (admins; Phase 2).
pub const ADMIN_USERS: &str = "/api/admin/users";
/// `PATCH`: changes the role of an account, or disables it (admins; Phase 2).
pub const ADMIN_USER: &str = "/api/admin/users/{username}";
/// `POST`: ends all sessions and tokens of an account (admins; Phase 2).
pub const ADMIN_USER_SIGN_OUT: &str = "/api/admin/users/{username}/sign-out";
/// `GET`: the audit log: actor, action and request id (admins; Phase 2).
pub const ADMIN_AUDIT: &str = "/api/admin/audit";
/// `POST`: publishes the next signing key; it signs once all replicas have it (admins; Phase
/// 2).
pub const ADMIN_KEYS_ROTATE: &str = "/api/admin/keys/rotate";

/// `POST`: one file as multipart form data.
pub const UPLOAD: &str = "/api/upload";
/// `GET`: the caller's files, newest first.
pub const FILES: &str = "/api/files";
/// `GET` as JSON, `DELETE`.
pub const FILE: &str = "/api/files/{file_id}";
/// `GET`: the bytes, with ranges and conditions.
pub const FILE_CONTENT: &str = "/api/files/{file_id}/content";

/// `POST`: a signed URL to `PUT` a file without passing through the API (Phase 2).
pub const UPLOADS_START: &str = "/api/uploads/start";
/// `POST`: all bytes are stored; turns the upload into a file (Phase 2).
pub const UPLOADS_COMPLETE: &str = "/api/uploads/complete";
/// `GET`: the pending uploads of the caller (Phase 2).
pub const UPLOADS: &str = "/api/uploads";
/// `DELETE`: aborts the upload (Phase 2).
pub const UPLOADS_ONE: &str = "/api/uploads/{upload_id}";
/// `PUT`: the bytes, at a URL that this server signed (Phase 2).
pub const UPLOADS_CONTENT: &str = "/api/uploads/{upload_id}/content";

/// `OPTIONS`: the supported extensions; `POST`: a new resumable upload (tus 1.0; Phase 2).
pub const TUS: &str = "/api/tus";
/// `HEAD`: the offset; `PATCH`: more bytes; `DELETE`: aborts it (tus 1.0; Phase 2).
pub const TUS_UPLOAD: &str = "/api/tus/{upload_id}";

/// `GET`, upgraded to a WebSocket: events about the caller's files and credential (Phase 2).
pub const EVENTS: &str = "/api/events";

/// `GET`: the OpenAPI 3.1 document (Phase 2).
pub const OPENAPI: &str = "/openapi.json";
/// `GET`: Swagger UI (Phase 2).
pub const DOCS: &str = "/docs";
/// `GET`: ReDoc (Phase 2).
pub const REDOC: &str = "/redoc";

/// `GET`: liveness, the process is up.
pub const LIVEZ: &str = "/livez";
/// `GET`: readiness; 503 while draining or while a dependency is missing.
pub const READYZ: &str = "/readyz";
/// `GET`, on the admin listener only: metrics as Prometheus text.
pub const METRICS: &str = "/metrics";

/// The path of one file.
#[must_use]
pub fn file(file_id: &str) -> String {
    format!("{FILES}/{file_id}")
}

/// The path of one file's bytes.
#[must_use]
pub fn file_content(file_id: &str) -> String {
    format!("{FILES}/{file_id}/content")
}
