//! Files that a student or a program can replace: by a symbolic link to a device, by a pipe,
//! or by an endless text. Each function ends soon, whatever is there.

use nix::fcntl::OFlag;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Maximum size of a short document, in bytes.
pub(crate) const SHORT: u64 = 4096;

/// The call waits for no other end of a pipe, and follows no link.
const FLAGS: OFlag = OFlag::O_NONBLOCK.union(OFlag::O_NOFOLLOW);

/// Opens a regular file for reading.
///
/// # Errors
/// When there is something else, or the system refuses it.
pub fn open(path: &Path) -> io::Result<File> {
    regular(OpenOptions::new().read(true).custom_flags(FLAGS.bits()).open(path)?)
}

/// Reads at most this number of bytes, from the beginning of a regular file.
///
/// # Errors
/// When there is something else, or the system refuses it.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.take(most).read_to_end(&mut content)?;
    Ok(content)
}

/// Opens a regular file for writing, or creates it. Its content stays.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).custom_flags(FLAGS.bits());
    regular(options.open(path)?)
}

/// Writes a file. Anything else in its place is removed.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path)?,
        Ok(found) if !found.is_file() => fs::remove_file(path)?,
        _ => {}
    }
    let mut file = create(path)?;
    file.set_len(0)?;
    file.write_all(content)
}

/// Copies a regular file and its permissions.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let (mut original, mut copy) = (open(from)?, File::create(to)?);
    io::copy(&mut original, &mut copy)?;
    copy.set_permissions(original.metadata()?.permissions())
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use std::os::unix::fs::symlink;

    #[test]
    fn pipes_links_and_folders_are_neither_read_nor_followed() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        fs::write(place("file"), "text").unwrap();
        mkfifo(&place("pipe"), Mode::S_IRWXU).unwrap();
        symlink("/dev/zero", place("device")).unwrap();
        symlink("file", place("link")).unwrap();
        fs::create_dir(place("folder")).unwrap();
        for name in ["pipe", "device", "link", "folder", "missing"] {
            assert!(read(&place(name), SHORT).is_err(), "{name} was read");
        }
        for name in ["pipe", "device", "link", "folder"] {
            assert!(create(&place(name)).is_err(), "{name} was opened");
            write(&place(name), b"new").unwrap();
            assert_eq!(read(&place(name), SHORT).unwrap(), b"new", "{name}");
        }
        assert_eq!(read(&place("file"), SHORT).unwrap(), b"text");
    }

    #[test]
    fn huge_file_is_read_in_part() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        File::create(&file).unwrap().set_len(1 << 32).unwrap();
        assert_eq!(read(&file, SHORT).unwrap().len(), 4096);
        write(&file, b"short").unwrap();
        assert_eq!(read(&file, SHORT).unwrap(), b"short");
    }
}
