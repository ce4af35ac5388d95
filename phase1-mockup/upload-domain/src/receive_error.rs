//! Errors of uploads.

use std::error::Error;
use std::io::{self, ErrorKind};

/// The upload failed and was removed.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// More bytes than allowed.
    #[error("the upload is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The body ended before it was complete.
    #[error("the body is incomplete")]
    BrokenBody(#[source] Box<dyn Error + Send + Sync>),
    /// The key belongs to an upload with other content.
    #[error("the idempotency key belongs to a different upload")]
    KeyReused,
    /// The first upload with this key is in progress.
    #[error("an upload with this idempotency key is in progress")]
    KeyInUse,
    /// The disk is full, or the process may not write files of this size (`ulimit -f`).
    #[error("the disk is full")]
    NoSpace(#[source] io::Error),
    /// The disk failed.
    #[error("cannot write the upload")]
    Disk(#[source] io::Error),
}

impl From<io::Error> for ReceiveError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::FileTooLarge => Self::NoSpace(error),
            _ => Self::Disk(error),
        }
    }
}
