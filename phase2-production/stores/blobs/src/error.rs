//! Errors of a blob store.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter;
use std::path::PathBuf;

/// The text is not the URL of an S3 store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected s3://KEY:SECRET@HOST:PORT/BUCKET?region=R&tls=no as the URL of the blob store"
)]
pub struct InvalidStoreUrl;

/// The store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory is not writable.
    #[error("cannot use the directory {path} for files: choose another with --data-dir")]
    Folder {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The bucket does not reply, or refuses the keys.
    #[error(
        "cannot use the bucket {bucket} at {endpoint}: check the URL, the name and the keys"
    )]
    Bucket {
        /// The store's URL.
        endpoint: String,
        /// The bucket's name.
        bucket: String,
        /// The cause.
        #[source]
        cause: object_store::Error,
    },
}

/// The store cannot be reserved for a deployment.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Another deployment owns it.
    #[error(
        "the store of the files belongs to the deployment {owner}, and the database to \
         {deployment}: their cleanups would remove each other's files. Use another bucket \
         in --files-url, or another --data-dir. If {owner} no longer exists, delete \
         the object .deployment in the store"
    )]
    Owned {
        /// The id of the owner.
        owner: String,
        /// The id of the refused deployment.
        deployment: String,
    },
    /// The store failed.
    #[error("the store of the files cannot be reserved")]
    Store(#[from] BlobError),
}

/// The operation failed. After a failed put no bytes remain.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The stream exceeds the size limit.
    #[error("the content has more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The stream failed before its end.
    #[error("the stream broke off")]
    BrokenBody(#[source] Box<dyn Error + Send + Sync>),
    /// No blob has this key.
    #[error("there is no such blob")]
    NotFound,
    /// The disk is full, the file system's quota is used up, or the process may not write
    /// files of this size (`ulimit -f`).
    #[error("the disk is full")]
    NoSpace(#[source] object_store::Error),
    /// The S3 store did not reply in time, or failed. The outcome of the operation is
    /// unknown.
    #[error("the blob store does not answer")]
    Unavailable(#[source] object_store::Error),
    /// The store is not the one that this process has reserved.
    #[error(
        "the store of the files is another one than at the start: check its mount or address"
    )]
    AnotherStore,
    /// The local disk failed.
    #[error("the disk failed")]
    Disk(#[source] object_store::Error),
}

/// The origin of an error, which decides its meaning.
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
            matches!(
                io.kind(),
                ErrorKind::StorageFull
                    | ErrorKind::QuotaExceeded
                    | ErrorKind::FileTooLarge
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_and_failing_disk_give_distinct_errors() {
        let error = |code| BlobError::of_disk(io::Error::from_raw_os_error(code));
        let (full, over_quota, too_large, broken) = (28, 122, 27, 5);
        assert!(matches!(error(too_large), BlobError::NoSpace(_)));
        assert!(matches!(error(full), BlobError::NoSpace(_)));
        assert!(matches!(error(over_quota), BlobError::NoSpace(_)));
        assert!(matches!(error(broken), BlobError::Disk(_)));
    }
}
