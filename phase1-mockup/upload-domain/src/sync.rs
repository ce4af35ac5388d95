//! Durable file operations: a rename is durable when its folder is synced.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Syncs the entries of a folder to disk (fsync(2), "Notes").
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Renames a file or folder, and syncs the entries of `folder` to disk. The folder is opened
/// first, so that without a free descriptor nothing has happened.
pub(crate) fn rename_synced(from: &Path, to: &Path, folder: &Path) -> io::Result<()> {
    let folder = File::open(folder)?;
    fs::rename(from, to)?;
    folder.sync_all()
}

/// Replaces a small file atomically: readers find the old or the new content, also after a
/// crash.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.draft", uuid::Uuid::new_v4().simple()));
    let replaced = write_synced(&draft, content)
        .and_then(|()| rename_synced(&draft, path, parent(path)));
    if replaced.is_err() {
        let _may_not_exist = fs::remove_file(&draft);
    }
    replaced
}

/// Creates a folder if it is missing, and syncs its name to disk.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = File::open(parent(dir))?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| parent.sync_all()),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

/// Writes a new file and syncs it to disk.
pub(crate) fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    io::Write::write_all(&mut file, content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_rename_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        fs::write(&from, "x").unwrap();
        rename_synced(&from, &to, &folder.path().join("missing")).unwrap_err();
        assert!(from.exists() && !to.exists());
        rename_synced(&from, &to, folder.path()).unwrap();
        assert!(!from.exists() && to.exists());
    }

    #[test]
    fn failed_replacement_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::create_dir(&target).unwrap();
        replace_file(&target, b"x").unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(parent(Path::new("x")), Path::new("."));
    }
}
