//! Sessions: the proof is given once, and the server remembers.

use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// Names of files that a session remembers, the newest; the list of files has them all.
/// Without a limit, somebody who uploads empty files all day would fill the memory of every
/// replica with their names.
pub const MOST_FILES_REMEMBERED: usize = 100;

/// `POST /api/session/start` → 200.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SessionStarted {
    /// 32 bytes from the operating system's generator, base64url without padding
    /// (43 characters). Means nothing to anyone but the server that remembers it.
    pub session_id: Secret,
    /// Seconds of silence after which the session dies.
    pub expires_in: u64,
}

/// `GET /api/session` → 200: what the server remembers between two requests.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SessionView {
    /// Whose session this is.
    pub username: String,
    /// Birth, milliseconds since 1970.
    pub created_at: u64,
    /// The latest request that used it (this one), milliseconds since 1970.
    pub last_activity: u64,
    /// Seconds left: the smaller of idle time and remaining life.
    pub expires_in: u64,
    /// Growth: display names of the files uploaded in this session, oldest first. Of more
    /// than 100 the newest.
    pub files_uploaded: Vec<String>,
    /// The replica that remembered.
    pub served_by: String,
}
