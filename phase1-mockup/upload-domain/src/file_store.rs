//! The file store on a local disk, which several processes can use concurrently.
//!
//! ```text
//! files/<owner>/<file id>/{content,meta.json}   visible files
//! incoming/<random>/{content,meta.json}         uploads in progress
//! keys/<owner>/<hash of key>.json               idempotency keys, kept for a day
//! ```
//! One atomic rename makes an upload visible. A 201 is sent only after the rename and the
//! content were synced to disk. Nothing is kept in memory, so two replicas on one folder see the
//! same files: the disk is shared state, even if the sessions are not.

use crate::display_name::DisplayName;
use crate::file_id::FileId;
use crate::janitor;
use crate::sync::rename_synced;
use crate::username::Username;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The metadata of a stored file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct FileMeta {
    /// The id of the file.
    pub file_id: FileId,
    /// The file name that the caller gave.
    pub name: DisplayName,
    /// Bytes.
    pub size: u64,
    /// The media type that the caller declared.
    pub content_type: String,
    /// SHA-256 of the content, lower-case hexadecimal.
    pub sha256: String,
    /// Milliseconds since 1970.
    pub uploaded_at: u64,
}

/// An error of the file store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such file, or a file of another owner.
    #[error("no such file")]
    NotFound,
    /// The folder cannot be used.
    #[error("cannot use the data folder {path}: choose another with --data-dir")]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// Reading or deleting failed.
    #[error("cannot read the file store")]
    Disk(#[source] io::Error),
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound,
            _ => Self::Disk(error),
        }
    }
}

/// A page of a listing: newest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The files, at most `limit`.
    pub files: Vec<FileMeta>,
    /// The last file of this page, if there are further pages.
    pub next: Option<FileId>,
}

/// A handle of the folder. Clones share it.
#[derive(Clone, Debug)]
pub struct FileStore {
    root: Arc<Path>,
}

impl FileStore {
    /// Opens the folder, creates missing subfolders, and removes abandoned uploads.
    ///
    /// # Errors
    /// When the folder is not writable.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self { root: Arc::from(root) };
        for part in ["files", "incoming", "keys"] {
            fs::create_dir_all(root.join(part))
                .map_err(|cause| StoreError::Unusable { path: root.to_owned(), cause })?;
        }
        let probe = store.incoming_dir();
        fs::create_dir(&probe)
            .and_then(|()| fs::remove_dir(&probe))
            .map_err(|cause| StoreError::Unusable { path: root.to_owned(), cause })?;
        store.sweep();
        Ok(store)
    }

    /// Checks that the folder can be written, for `/readyz`. A full disk passes, because files can
    /// still be read and deleted.
    ///
    /// # Errors
    /// When the disk is read-only, has failed, or is gone.
    pub async fn check_writable(&self) -> io::Result<()> {
        let probe = self.incoming_dir();
        blocking(move || match fs::create_dir(&probe) {
            Ok(()) => fs::remove_dir(&probe),
            Err(error) if is_full(&error) => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }

    /// Removes the unfinished uploads of ended processes. Uploads in progress are kept, because
    /// the writing process holds a lock on them.
    pub fn sweep(&self) {
        janitor::sweep(&self.root);
    }

    /// The newest files of `owner` that are older than `after`, at most `limit`.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub async fn list(
        &self,
        owner: &Username,
        after: Option<FileId>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let dir = self.owner_dir(owner);
        blocking(move || list_dir(&dir, after, limit)).await
    }

    /// Opens one file for reading. It stays readable even if it is deleted in the meantime.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when `owner` has no such file.
    pub async fn read(
        &self,
        owner: &Username,
        id: FileId,
    ) -> Result<(FileMeta, tokio::fs::File), StoreError> {
        let dir = self.file_dir(owner, id);
        let (meta, file) = blocking(move || {
            let meta = read_meta(&dir)?;
            Ok::<_, StoreError>((meta, File::open(dir.join("content"))?))
        })
        .await?;
        Ok((meta, tokio::fs::File::from_std(file)))
    }

    /// Deletes one file permanently.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when `owner` has no such file.
    pub async fn delete(&self, owner: &Username, id: FileId) -> Result<(), StoreError> {
        let (visible, deleted) = (self.file_dir(owner, id), self.incoming_dir());
        let owner_dir = self.owner_dir(owner);
        blocking(move || {
            rename_synced(&visible, &deleted, &owner_dir)?;
            // The file is deleted already. If this fails, the janitor removes the bytes.
            let _janitor_will = fs::remove_dir_all(&deleted);
            Ok(())
        })
        .await
    }

    /// A new private folder for an upload in progress.
    pub(crate) fn incoming_dir(&self) -> PathBuf {
        self.root.join("incoming").join(uuid::Uuid::new_v4().simple().to_string())
    }

    pub(crate) fn owner_dir(&self, owner: &Username) -> PathBuf {
        self.root.join("files").join(owner.as_str())
    }

    pub(crate) fn keys_dir(&self, owner: &Username) -> PathBuf {
        self.root.join("keys").join(owner.as_str())
    }

    fn file_dir(&self, owner: &Username, id: FileId) -> PathBuf {
        self.owner_dir(owner).join(id.to_string())
    }
}

/// Runs blocking disk work on a separate thread. It runs to completion even if the client
/// disconnects.
pub(crate) async fn blocking<T: Send + 'static, E: From<io::Error> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => Err(io::Error::other(stopped).into()),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

fn read_meta(dir: &Path) -> Result<FileMeta, StoreError> {
    let text = fs::read(dir.join("meta.json"))?;
    serde_json::from_slice(&text).map_err(|error| StoreError::Disk(error.into()))
}

fn list_dir(dir: &Path, after: Option<FileId>, limit: usize) -> Result<Page, StoreError> {
    let mut ids = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(StoreError::Disk(error)),
        Ok(entries) => entries
            .filter_map(|entry| FileId::parse(entry.ok()?.file_name().to_str()?))
            .filter(|id| after.is_none_or(|after| *id < after))
            .collect(),
    };
    ids.sort_unstable_by(|a, b| b.cmp(a));
    let more = ids.len() > limit;
    ids.truncate(limit);
    let next = ids.last().copied().filter(|_| more);
    let mut files = Vec::with_capacity(ids.len());
    for id in ids {
        match read_meta(&dir.join(id.to_string())) {
            Ok(meta) => files.push(meta),
            // Deleted after the folder was read.
            Err(StoreError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Page { files, next })
}
