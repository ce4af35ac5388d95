//! Making names as durable as contents: a rename is on disk when its folder is.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Waits until the folder's entries are on disk (fsync(2), "Notes").
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Replaces a small file so that a reader, or a crash, finds the old or the new content
/// and never half of one.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.draft", uuid::Uuid::new_v4().simple()));
    let replaced = write_synced(&draft, content).and_then(|()| fs::rename(&draft, path));
    if replaced.is_err() {
        let _already_gone = fs::remove_file(&draft);
    }
    replaced?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Makes a folder if it is missing; then its name is on disk when this returns.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| sync_dir(dir.parent().unwrap_or(Path::new(".")))),
    }
}

/// Writes a new file and waits until its content is on disk.
pub(crate) fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    io::Write::write_all(&mut file, content)?;
    file.sync_all()
}
