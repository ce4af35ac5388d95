//! Files of results. A file has its old content or its new one, never a part of either: also if
//! the disk is full or the program is killed. The exception is a place where only the file
//! itself can be written.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Writes a file as a whole: to a new file beside it, which then gets its name. A symbolic
/// link stays, and the file that it names is replaced.
///
/// It writes directly: to a device or a pipe, through a link to a file that does not exist,
/// and where no file can be made or renamed, such as in a read-only folder or over a mount
/// point.
///
/// # Errors
/// If the file is read-only, or the folder or the disk refuses it. An existing file is then
/// unchanged, unless it was written directly.
pub fn replace(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    let content = content.as_ref();
    let Some(target) = replaceable(path)? else {
        return write_directly(path, content);
    };
    refuse_read_only(&target)?;
    match write_beside(&target, content) {
        Err(error) if is_of_place(&error) => write_directly(&target, content),
        written => written,
    }
}

/// Checks whether [`replace`] may write to this path, and changes nothing. Call it before the
/// work that makes the content.
///
/// # Errors
/// The error of an attempt.
pub fn check(path: &Path) -> io::Result<()> {
    let Some(target) = replaceable(path)? else {
        return check_directly(path);
    };
    refuse_read_only(&target)?;
    let draft = draft_of(&target);
    match write_new(&draft, b"").and_then(|()| fs::remove_file(&draft)) {
        Err(error) if is_of_place(&error) => check_directly(&target),
        checked => checked,
    }
}

/// Removes the file that [`replace`] would replace, so that an old result cannot stand as
/// the result of a run that breaks.
///
/// Behind a symbolic link, and where no file can be removed, it is emptied: the link and the
/// file stay. A device or a pipe is unchanged.
///
/// # Errors
/// If the file is read-only, or the folder or the disk refuses it.
pub fn clear(path: &Path) -> io::Result<()> {
    let Some(target) = replaceable(path)?.filter(|target| target.exists()) else {
        return Ok(());
    };
    refuse_read_only(&target)?;
    if path.is_symlink() {
        return write_directly(path, b"");
    }
    match fs::remove_file(path) {
        Err(error) if is_of_place(&error) => write_directly(path, b""),
        removed => removed,
    }
}

/// Creates a folder, unless it exists, and checks whether [`replace`] may write to files in
/// it.
///
/// # Errors
/// The error of an attempt.
pub fn check_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    check(&folder.join(".check"))
}

/// The regular file, without symbolic links, or [`None`] for what is written directly.
fn replaceable(path: &Path) -> io::Result<Option<PathBuf>> {
    match path.metadata() {
        Ok(found) if found.is_file() => path.canonicalize().map(Some),
        Ok(found) if found.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(None),
        Err(_) if path.is_symlink() => Ok(None),
        Err(_) => Ok(Some(path.to_owned())),
    }
}

/// Fails if the file exists and cannot be written. Its user may have protected it.
fn refuse_read_only(target: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).open(target) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether the error is about a new file in this folder, or about its new name. The file
/// itself may be writable.
fn is_of_place(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::ResourceBusy
            | ErrorKind::CrossesDevices
            | ErrorKind::InvalidFilename
    )
}

fn write_beside(target: &Path, content: &[u8]) -> io::Result<()> {
    let draft = draft_of(target);
    let written = write_new(&draft, content)
        .and_then(|()| match target.metadata() {
            Ok(old) => fs::set_permissions(&draft, old.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::rename(&draft, target));
    written.inspect_err(|_| drop(fs::remove_file(&draft)))
}

/// Writes a file that no other process has opened or linked.
fn write_new(draft: &Path, content: &[u8]) -> io::Result<()> {
    // A killed program with the same process id may have left one.
    let _not_there = fs::remove_file(draft);
    File::create_new(draft)?.write_all(content)
}

fn write_directly(path: &Path, content: &[u8]) -> io::Result<()> {
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    options.write(true).create(is_new).truncate(true);
    options.open(path)?.write_all(content)
}

/// Opens a file as [`write_directly`] does. If that creates it, it is removed.
fn check_directly(path: &Path) -> io::Result<()> {
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    options.write(true).create(is_new).truncate(false);
    options.open(path)?;
    if is_new { fs::remove_file(path.canonicalize()?) } else { Ok(()) }
}

/// A hidden file in the same folder: only within a file system can a file get another name.
fn draft_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".new-{}", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn names(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).expect("a folder").flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn file_is_replaced_with_its_permissions() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("table.csv");
        replace(&file, "new").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
        symlink(&file, folder.path().join("link")).expect("linked");
        let reader = fs::File::open(&file).expect("opened");
        replace(&folder.path().join("link"), "newer").expect("written");
        assert_eq!(fs::read_to_string(&file).expect("read"), "newer");
        // A reader of the old file is not disturbed: the new one was written beside it.
        assert_eq!(io::read_to_string(reader).expect("read"), "new");
        let mode = file.metadata().expect("it exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert_eq!(names(folder.path()), ["link", "table.csv"]);
    }

    #[test]
    fn refused_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        replace(&file, "old").expect("written");
        assert!(replace(&folder.path().join("missing/a"), "new").is_err());
        assert!(replace(folder.path(), "new").is_err());
        assert!(check(&folder.path().join("missing/a")).is_err());
        check(&file).expect("writable");
        assert_eq!(fs::read_to_string(&file).expect("read"), "old");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn dangling_link_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (link, file) = (folder.path().join("link"), folder.path().join("table.csv"));
        symlink("table.csv", &link).expect("linked");
        check(&link).expect("writable");
        assert_eq!(names(folder.path()), ["link"]);
        for content in ["new", "newer"] {
            replace(&link, content).expect("written");
            assert_eq!(fs::read_to_string(&file).expect("read"), content);
            assert!(link.is_symlink(), "the link stays");
        }
        assert_eq!(names(folder.path()), ["link", "table.csv"]);
    }

    #[test]
    fn dangling_link_into_a_missing_folder_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        symlink("missing/table.csv", &link).expect("linked");
        assert!(check(&link).is_err() && replace(&link, "new").is_err());
        assert_eq!(names(folder.path()), ["link"]);
    }

    /// No file beside it can have a longer name.
    #[test]
    fn file_without_room_for_a_draft_is_written_directly() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("n".repeat(250));
        for content in ["a longer text", "text"] {
            check(&file).expect("writable");
            replace(&file, content).expect("written");
            assert_eq!(fs::read_to_string(&file).expect("read"), content);
        }
        assert_eq!(names(folder.path()).len(), 1);
    }

    /// Permissions do not limit root: as root the protected file is written.
    #[test]
    fn protected_file_is_refused_and_protected_folder_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("table.csv");
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
        };
        replace(&file, "old").expect("written");
        mode(&file, 0o444);
        let is_protected = OpenOptions::new().write(true).open(&file).is_err();
        assert_eq!(check(&file).is_err(), is_protected);
        assert_eq!(replace(&file, "new").is_err(), is_protected);
        mode(&file, 0o644);
        mode(folder.path(), 0o555);
        check(&file).expect("writable");
        replace(&file, "newer").expect("written");
        mode(folder.path(), 0o755);
        assert_eq!(fs::read_to_string(&file).expect("read"), "newer");
        assert_eq!(names(folder.path()), ["table.csv"]);
    }

    #[test]
    fn old_file_is_removed_and_missing_one_is_no_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("result.json");
        for content in ["old", "newer"] {
            replace(&file, content).expect("written");
            clear(&file).expect("removed");
            assert!(names(folder.path()).is_empty());
        }
        clear(&file).expect("nothing to remove");
        clear(&folder.path().join("missing/a")).expect("nothing to remove");
        assert!(clear(folder.path()).is_err(), "a folder is no result");
    }

    #[test]
    fn old_file_behind_a_link_is_emptied() {
        let folder = tempfile::tempdir().expect("a folder");
        let (link, file) = (folder.path().join("link"), folder.path().join("a"));
        symlink("a", &link).expect("linked");
        clear(&link).expect("nothing to empty");
        assert_eq!(names(folder.path()), ["link"]);
        replace(&file, "old").expect("written");
        clear(&link).expect("emptied");
        assert_eq!(names(folder.path()), ["a", "link"]);
        assert_eq!(fs::read_to_string(&file).expect("read"), "");
        assert!(link.is_symlink(), "the link stays");
    }

    /// Permissions do not limit root: as root the file is removed.
    #[test]
    fn old_file_in_a_protected_folder_does_not_survive() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("result.json");
        let mode = |mode| {
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(folder.path(), permissions).expect("set");
        };
        replace(&file, "old").expect("written");
        mode(0o555);
        clear(&file).expect("removed or emptied");
        mode(0o755);
        assert_eq!(fs::read_to_string(&file).unwrap_or_default(), "");
    }

    #[test]
    fn missing_folder_is_created_and_file_is_no_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = folder.path().join("kept/reports");
        check_folder(&kept).expect("writable");
        assert!(names(&kept).is_empty());
        replace(&kept.join("a"), "text").expect("written");
        assert!(check_folder(&kept.join("a")).is_err());
    }

    #[test]
    fn device_is_written_directly() {
        let full = Path::new("/dev/full");
        check(full).expect("writable");
        let error = replace(full, "text").expect_err("no space");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let null = Path::new("/dev/null");
        replace(null, "text").expect("written");
        clear(null).expect("unchanged");
        assert!(null.exists(), "a device is not removed");
    }
}
