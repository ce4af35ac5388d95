//! Blob storage in a directory of this machine.

use crate::error::{BlobError, OpenError};
use object_store::local::LocalFileSystem;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The directory that [`probe_folder`] makes and removes.
const PROBE: &str = ".probe";

#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) objects: LocalFileSystem,
    pub(crate) root: PathBuf,
    /// Directories that this process has synced to disk.
    durable: Mutex<HashSet<PathBuf>>,
}

impl Local {
    pub(crate) async fn open(root: PathBuf) -> Result<Self, OpenError> {
        let path = root.clone();
        let opened = on_disk(move || {
            fs::create_dir_all(&root)?;
            let root = root.canonicalize()?;
            tempfile::tempfile_in(&root)?;
            let objects = LocalFileSystem::new_with_prefix(&root)?.with_fsync(true);
            Ok(Self { objects, root, durable: Mutex::default() })
        });
        opened.await.map_err(|cause| OpenError::Folder { path, cause })
    }

    /// Checks that the directory can be written.
    pub(crate) async fn ping(&self) -> Result<(), BlobError> {
        probe_folder(&self.root).await.map_err(BlobError::of_disk)
    }

    /// Creates a key's directory and syncs it and its parents to disk. The store syncs
    /// only directories that it created itself: one that another upload has just created
    /// might be lost in a crash together with the upload.
    pub(crate) async fn prepare(&self, key: &str) -> Result<(), BlobError> {
        let folder = self.root.join(key).parent().map(Path::to_path_buf);
        let Some(folder) = folder.filter(|folder| !self.is_durable(folder)) else {
            return Ok(());
        };
        let (root, made) = (self.root.clone(), folder.clone());
        let synced = on_disk(move || {
            fs::create_dir_all(&made)?;
            let above = made.ancestors().take_while(|above| above.starts_with(&root));
            above.map(File::open).try_for_each(|above| above?.sync_all())
        });
        synced.await.map_err(BlobError::of_disk)?;
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(folder);
        Ok(())
    }

    /// Sets the modification time to now, because a copy is a hard link and has the age
    /// of the original.
    pub(crate) async fn reset_age(&self, key: &str) -> Result<(), BlobError> {
        let path = self.root.join(key);
        let touched = on_disk(move || {
            File::options().write(true).open(path)?.set_modified(SystemTime::now())
        });
        match touched.await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(BlobError::NotFound)
            }
            touched => touched.map_err(BlobError::of_disk),
        }
    }

    fn is_durable(&self, folder: &Path) -> bool {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(folder)
    }
}

/// Checks that a directory can be written. A full disk passes, because files on it can still
/// be read and deleted. Another process may make or remove the same probe meanwhile, and a
/// killed one may have left it.
///
/// # Errors
/// If the directory is missing, or its disk is read-only or fails.
pub async fn probe_folder(folder: &Path) -> io::Result<()> {
    let probe = folder.join(PROBE);
    let probed = on_disk(move || match fs::create_dir(&probe) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => match fs::remove_dir(&probe) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        },
    });
    match probed.await.map_err(|error| (error.kind(), error)) {
        Ok(()) | Err((ErrorKind::StorageFull | ErrorKind::QuotaExceeded, _)) => Ok(()),
        Err((_, error)) => Err(error),
    }
}

/// Runs blocking disk work on a thread for it.
pub(crate) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(io::Error::other(e)))
}
