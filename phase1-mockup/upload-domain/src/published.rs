//! A file that its caller can see.

use crate::file_store::FileMeta;

/// A visible, durable file.
#[derive(Clone, Debug)]
pub struct Published {
    /// The metadata.
    pub meta: FileMeta,
    /// Whether the file existed already, because this is a retry with the same idempotency key.
    pub repeated: bool,
}
