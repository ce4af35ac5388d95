//! What a store of bytes can fail of.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter;
use std::path::PathBuf;

/// The text is no store's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected s3://KEY:SECRET@HOST:PORT/BUCKET?region=R&tls=no as the URL of the files"
)]
pub struct NotAStore;

/// The store cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be written.
    #[error("cannot use the folder {path} for files: choose another with --data-dir")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The bucket does not answer, or refuses the keys.
    #[error(
        "cannot use the bucket {bucket} at {endpoint}: check the URL, the name and the keys"
    )]
    Bucket {
        /// The store's URL.
        endpoint: String,
        /// The bucket's name.
        bucket: String,
        /// Why.
        #[source]
        cause: object_store::Error,
    },
}

/// The store did not do what was asked. After a put that failed, nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// More bytes to put than allowed.
    #[error("there are more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The stream to put ended before it was complete.
    #[error("the stream broke off")]
    BrokenBody(#[source] Box<dyn Error + Send + Sync>),
    /// There is nothing under this key.
    #[error("there is no such blob")]
    NotFound,
    /// The disk is full, or a quota of the file system is used up.
    #[error("the disk is full")]
    NoSpace(#[source] object_store::Error),
    /// The S3 store did not answer in time, or failed. Whether it did what was asked is
    /// not known.
    #[error("the file store does not answer")]
    Unavailable(#[source] object_store::Error),
    /// The local disk failed.
    #[error("the disk failed")]
    Disk(#[source] object_store::Error),
}

/// Where an error came from decides what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Local,
    Remote,
}

impl BlobError {
    pub(crate) fn of(error: object_store::Error, origin: Origin) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) {
            return Self::NotFound;
        }
        match origin {
            _ if is_full(&error) => Self::NoSpace(error),
            Origin::Local => Self::Disk(error),
            Origin::Remote => Self::Unavailable(error),
        }
    }

    pub(crate) fn of_disk(error: io::Error) -> Self {
        let source = Box::new(error);
        let error = object_store::Error::Generic { store: "disk", source };
        Self::of(error, Origin::Local)
    }
}

fn is_full(error: &(dyn Error + 'static)) -> bool {
    iter::successors(Some(error), |error| (*error).source()).any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|io| {
            matches!(io.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let error = |code| BlobError::of_disk(io::Error::from_raw_os_error(code));
        let (full, over_quota, broken) = (28, 122, 5);
        assert!(matches!(error(full), BlobError::NoSpace(_)));
        assert!(matches!(error(over_quota), BlobError::NoSpace(_)));
        assert!(matches!(error(broken), BlobError::Disk(_)));
    }
}
