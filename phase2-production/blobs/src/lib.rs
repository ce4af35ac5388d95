//! The bytes of files: a folder of this machine, or an S3 bucket that many machines share.
//!
//! What is not in here is which bytes belong to whom; that is in the records. The order
//! of the two is the promise behind every 201: first the bytes, under a new key and on
//! disk; then, in one transaction, the row that makes them a file. A crash in between
//! leaves bytes that no row names, and never a row without bytes.
//!
//! Read `put` first. S3 has to be driven with little memory too, and `part` is how.

pub mod config;
pub mod error;
mod housekeeping;
mod local;
mod part;
pub mod put;
pub mod read;
mod remote;

pub use config::{Blobs, BlobsConfig, Bucket};
pub use error::{BlobError, NotAStore, OpenError};
pub use housekeeping::OldBlob;
pub use put::Put;
