//! Durable file operations: a rename is durable when its folder is synced.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Syncs the entries of a folder to disk (fsync(2), "Notes").
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Replaces a small file atomically: readers find the old or the new content, also after a
/// crash.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.draft", uuid::Uuid::new_v4().simple()));
    let replaced = write_synced(&draft, content).and_then(|()| fs::rename(&draft, path));
    if replaced.is_err() {
        let _may_not_exist = fs::remove_file(&draft);
    }
    replaced?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Creates a folder if it is missing, and syncs its name to disk.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| sync_dir(dir.parent().unwrap_or(Path::new(".")))),
    }
}

/// Writes a new file and syncs it to disk.
pub(crate) fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    io::Write::write_all(&mut file, content)?;
    file.sync_all()
}
