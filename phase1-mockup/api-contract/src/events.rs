//! What is said on the WebSocket of `GET /api/events` (Phase 2). Besides: the text `ping`
//! is answered with the text `pong`.

use serde::{Deserialize, Serialize};

/// One text message from the server.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// One of the caller's files has come to be, on whichever replica.
    FileStored {
        /// The server's name for it.
        file_id: String,
        /// The caller's name for it.
        name: String,
    },
    /// The caller's latest message means nothing here.
    NotUnderstood,
}

/// Why a socket is closed (RFC 6455 §7.4.1).
pub mod close {
    /// The proof that it was opened with is dead, or too many messages came.
    pub const NOT_ALLOWED: u16 = 1008;
    /// A message was longer than 64 KiB.
    pub const TOO_LONG: u16 = 1009;
    /// This replica stops; another one is there.
    pub const RESTART: u16 = 1012;
    /// Whether the proof still stands cannot be known now.
    pub const TRY_AGAIN_LATER: u16 = 1013;
}
