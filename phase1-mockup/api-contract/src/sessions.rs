//! Sessions: one login, then the server stores the state and the client sends the session id.

use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// The number of file names that a session stores: the newest ones. The list of files has all
/// of them. Without this limit a client that uploads empty files all day would fill the memory
/// of every replica with their names.
pub const MAX_SESSION_FILES: usize = 100;

/// `POST /api/session/start` → 200.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SessionStarted {
    /// 32 bytes from the operating system's generator, base64url without padding
    /// (43 characters). It has a meaning only for the server that stores the session.
    pub session_id: Secret,
    /// Idle timeout in seconds.
    pub expires_in: u64,
}

/// `GET /api/session` → 200: the state that the server stores between two requests.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SessionView {
    /// The account that owns the session.
    pub username: String,
    /// Birth, milliseconds since 1970.
    pub created_at: u64,
    /// The latest request that used it (this one), milliseconds since 1970.
    pub last_activity: u64,
    /// Seconds until the session expires: the smaller of idle time and remaining lifetime.
    pub expires_in: u64,
    /// Growth: display names of the files uploaded in this session, oldest first, the
    /// newest 100 of them.
    pub files_uploaded: Vec<String>,
    /// The replica that answered.
    pub served_by: String,
}
