//! Clearing away what dead processes left.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Younger leftovers are spared: their owner may be between creating and locking.
const YOUNG: Duration = Duration::from_secs(60);

/// How long an idempotency key is remembered.
const KEY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes abandoned uploads and forgotten keys. Failures are left for the next round.
pub(crate) fn sweep(root: &Path) {
    for upload in entries(&root.join("incoming")) {
        let path = upload.path();
        if age(&upload) > YOUNG && !is_being_written(&path) {
            let _next_round = fs::remove_dir_all(path);
        }
    }
    for owner in entries(&root.join("keys")) {
        for key in entries(&owner.path()) {
            if age(&key) > KEY_LIFE {
                let _next_round = fs::remove_file(key.path());
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

/// A writer holds a lock on its content for as long as it lives; the kernel releases it
/// when the process dies, however it dies.
fn is_being_written(upload: &Path) -> bool {
    File::open(upload.join("content")).is_ok_and(|content| content.try_lock().is_err())
}
