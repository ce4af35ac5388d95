//! Messages on the WebSocket of `GET /api/events` (Phase 2). In addition, the server answers
//! the text `ping` with the text `pong`.

use serde::{Deserialize, Serialize};

/// One text message from the server.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// A file of the caller was stored, on any replica.
    FileStored {
        /// The server's name for it.
        #[cfg_attr(feature = "schema", schema(format = "uuid"))]
        file_id: String,
        /// The caller's name for it.
        name: String,
    },
    /// The server does not support the latest message of the caller.
    NotUnderstood,
}

/// Close codes (RFC 6455 §7.4.1).
pub mod close {
    /// The client sent a frame that RFC 6455 does not allow.
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// The client sent a text that is not UTF-8.
    pub const NO_TEXT: u16 = 1007;
    /// The credential that opened the socket is no longer valid, or the client sent too many
    /// messages.
    pub const NOT_ALLOWED: u16 = 1008;
    /// A message was longer than 64 KiB.
    pub const TOO_LONG: u16 = 1009;
    /// This replica stops. The client can reconnect to another one.
    pub const RESTART: u16 = 1012;
    /// The validity of the credential cannot be checked now.
    pub const TRY_AGAIN_LATER: u16 = 1013;
}
