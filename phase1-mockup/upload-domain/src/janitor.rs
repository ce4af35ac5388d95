//! The janitor, a garbage collection: removes abandoned uploads of ended processes.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The minimum age of an abandoned upload. A younger one may be created but not yet locked.
const MIN_ABANDONED_AGE: Duration = Duration::from_secs(60);

/// The lifetime of an idempotency key.
const KEY_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes abandoned uploads and expired keys. The next sweep retries after errors.
pub(crate) fn sweep(root: &Path) {
    for upload in entries(&root.join("incoming")) {
        let path = upload.path();
        if age(&upload) > MIN_ABANDONED_AGE && !is_being_written(&path) {
            let _next_sweep_retries = fs::remove_dir_all(path);
        }
    }
    for owner in entries(&root.join("keys")) {
        for key in entries(&owner.path()) {
            if age(&key) > KEY_TTL {
                let _next_sweep_retries = fs::remove_file(key.path());
            }
        }
    }
}

fn entries(dir: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(dir).into_iter().flatten().flatten()
}

fn age(entry: &fs::DirEntry) -> Duration {
    let modified = entry.metadata().and_then(|meta| meta.modified());
    modified
        .ok()
        .and_then(|then| SystemTime::now().duration_since(then).ok())
        .unwrap_or_default()
}

/// A writer holds a lock on its content. The kernel releases the lock when the process ends for
/// any reason. A file that cannot be opened, for lack of a descriptor, may be locked.
fn is_being_written(upload: &Path) -> bool {
    match File::open(upload.join("content")) {
        Ok(content) => content.try_lock().is_err(),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_that_cannot_be_opened_may_be_written() {
        let upload = tempfile::tempdir().unwrap();
        assert!(!is_being_written(upload.path()));
        let content = upload.path().join("content");
        std::os::unix::fs::symlink(&content, &content).unwrap();
        assert!(is_being_written(upload.path()));
    }
}
