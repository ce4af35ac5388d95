//! Blob storage for the bytes of files: a directory of this machine, or an S3 bucket that
//! several machines share.
//!
//! The `records` crate stores the owner of each blob. Every 201 relies on the order of
//! the two writes: first the bytes, under a new key and synced to disk; then, in one
//! transaction, the row that makes them a file. A crash between the two leaves an orphan
//! blob, and never a row without bytes.
//!
//! Read `put` first; `part` keeps the memory of S3 uploads small.

pub mod bucket;
pub mod config;
pub mod error;
mod housekeeping;
mod local;
mod owner;
mod part;
pub mod put;
pub mod read;
mod remote;

pub use bucket::Bucket;
pub use config::{Blobs, BlobsConfig};
pub use error::{BlobError, InvalidStoreUrl, OpenError, ReserveError};
pub use housekeeping::OldBlob;
pub use local::probe_folder;
pub use put::{FLUSH_INTERVAL, Moment, Put};
