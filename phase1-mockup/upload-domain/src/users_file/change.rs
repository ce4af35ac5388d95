//! Changes of an existing users file: one at a time, and each replaces the file in one step.

use super::{User, UsersFile, UsersFileError, draft_of, read, write_draft};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

/// Changes the accounts of a users file, or of a new one. Concurrent changes wait for each
/// other, and a reader sees the file before or after a change. The new file has mode 0600
/// and the old owner. If `edit` fails, the file stays.
///
/// # Errors
/// The error of `edit`, or when the file is not valid or cannot be written.
pub fn change<T, E: From<UsersFileError>>(
    path: &Path,
    edit: impl FnOnce(&mut Vec<User>) -> Result<T, E>,
) -> Result<T, E> {
    let failed = |cause| UsersFileError::Write { path: path.to_owned(), cause };
    // A linked file is replaced, and not the link to it.
    let real = fs::canonicalize(path).unwrap_or_else(|_missing| path.to_owned());
    // The lock of the folder, because a lock of the file would end with its replacement.
    let folder = fs::File::open(folder_of(&real)).map_err(failed)?;
    folder.lock().map_err(failed)?;
    let mut users = if real.exists() { read(&real)? } else { Vec::new() };
    let edited = edit(&mut users)?;
    replace(&real, &UsersFile { users }).map_err(failed)?;
    folder.sync_all().map_err(failed)?;
    Ok(edited)
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn replace(path: &Path, file: &UsersFile) -> io::Result<()> {
    let draft = draft_of(path);
    let replaced = written(&draft, path, file).and_then(|()| fs::rename(&draft, path));
    if replaced.is_err() {
        let _incomplete = fs::remove_file(&draft);
    }
    replaced
}

/// A server under another account has to read the new file, too.
fn written(draft: &Path, path: &Path, file: &UsersFile) -> io::Result<()> {
    let written = write_draft(draft, file)?;
    if let Ok(before) = fs::metadata(path) {
        let now = written.metadata()?;
        if (before.uid(), before.gid()) != (now.uid(), now.gid()) {
            fchown(&written, Some(before.uid()), Some(before.gid()))?;
        }
    }
    Ok(())
}
