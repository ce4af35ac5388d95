//! Paths that are part of the contract. The router's spelling is axum's: `{file_id}`.

/// `POST`: credentials in, session id out (stateful).
pub const SESSION_START: &str = "/api/session/start";
/// `GET`: what the server remembers of this session (stateful).
pub const SESSION: &str = "/api/session";
/// `POST`: the session dies (stateful).
pub const SESSION_END: &str = "/api/session/end";

/// `POST`: credentials in, signed token out (stateless).
pub const TOKEN: &str = "/api/token";

/// `POST`: one file as multipart form data.
pub const UPLOAD: &str = "/api/upload";
/// `GET`: the caller's files, newest first.
pub const FILES: &str = "/api/files";
/// `GET` as JSON, `DELETE`.
pub const FILE: &str = "/api/files/{file_id}";
/// `GET`: the bytes, with ranges and conditions.
pub const FILE_CONTENT: &str = "/api/files/{file_id}/content";

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
