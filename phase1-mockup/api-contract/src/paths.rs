//! Paths that are part of the contract. The router's spelling is axum's: `{file_id}`.

/// `POST`: credentials in, session id out (stateful).
pub const SESSION_START: &str = "/api/session/start";
/// `GET`: what the server remembers of this session (stateful).
pub const SESSION: &str = "/api/session";
/// `POST`: the session dies (stateful).
pub const SESSION_END: &str = "/api/session/end";

/// `POST`: credentials in, signed token out (stateless).
pub const TOKEN: &str = "/api/token";

/// `POST`: a refresh token in, its successor and a new access token out (Phase 2).
pub const TOKEN_REFRESH: &str = "/api/token/refresh";
/// `POST`: a token dies before its time, as far as the design can do that (Phase 2).
pub const TOKEN_REVOKE: &str = "/api/token/revoke";
/// `GET`: the public keys that tokens are checked with (RFC 7517; Phase 2).
pub const JWKS: &str = "/.well-known/jwks.json";

/// `POST`: the old password and a new one; every other proof dies (Phase 2).
pub const ACCOUNT_PASSWORD: &str = "/api/account/password";
/// `POST`: all of the caller's sessions and tokens die (Phase 2).
pub const ACCOUNT_SIGN_OUT: &str = "/api/account/sign-out";

/// `GET`: the people of the caller's organisation (admins; Phase 2).
pub const ADMIN_USERS: &str = "/api/admin/users";
/// `PATCH`: another role, or no entry any more (admins; Phase 2).
pub const ADMIN_USER: &str = "/api/admin/users/{username}";
/// `POST`: somebody's sessions and tokens die (admins; Phase 2).
pub const ADMIN_USER_SIGN_OUT: &str = "/api/admin/users/{username}/sign-out";
/// `GET`: who did what, and in which request (admins; Phase 2).
pub const ADMIN_AUDIT: &str = "/api/admin/audit";
/// `POST`: the next signing key is published, and signs once all know it (admins; Phase 2).
pub const ADMIN_KEYS_ROTATE: &str = "/api/admin/keys/rotate";

/// `POST`: one file as multipart form data.
pub const UPLOAD: &str = "/api/upload";
/// `GET`: the caller's files, newest first.
pub const FILES: &str = "/api/files";
/// `GET` as JSON, `DELETE`.
pub const FILE: &str = "/api/files/{file_id}";
/// `GET`: the bytes, with ranges and conditions.
pub const FILE_CONTENT: &str = "/api/files/{file_id}/content";

/// `POST`: where to `PUT` a file that is not to pass through the API (Phase 2).
pub const UPLOADS_START: &str = "/api/uploads/start";
/// `POST`: the bytes are there; the upload becomes a file (Phase 2).
pub const UPLOADS_COMPLETE: &str = "/api/uploads/complete";
/// `GET`: the caller's uploads that are under way (Phase 2).
pub const UPLOADS: &str = "/api/uploads";
/// `DELETE`: the upload is given up (Phase 2).
pub const UPLOADS_ONE: &str = "/api/uploads/{upload_id}";
/// `PUT`: the bytes, at a URL that this server signed (Phase 2).
pub const UPLOADS_CONTENT: &str = "/api/uploads/{upload_id}/content";

/// `OPTIONS`, `POST`: what this server can do, and a new resumable upload (tus 1.0; Phase 2).
pub const TUS: &str = "/api/tus";
/// `HEAD`, `PATCH`, `DELETE`: how much is there, more, never mind (tus 1.0; Phase 2).
pub const TUS_UPLOAD: &str = "/api/tus/{upload_id}";

/// `GET`, upgraded to a WebSocket: what happens to the caller's files and proof (Phase 2).
pub const EVENTS: &str = "/api/events";

/// `GET`: this interface, described for programs (OpenAPI 3.1; Phase 2).
pub const OPENAPI: &str = "/openapi.json";
/// `GET`: this interface, to be tried (Swagger UI; Phase 2).
pub const DOCS: &str = "/docs";
/// `GET`: this interface, to be read (Phase 2).
pub const REDOC: &str = "/redoc";

/// `GET`: the process is up.
pub const LIVEZ: &str = "/livez";
/// `GET`: send it work, or not (draining, or something it needs is missing).
pub const READYZ: &str = "/readyz";
/// `GET`, on the admin listener only: Prometheus text.
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
