//! The locks of a stopped process on a SQLite database.
//!
//! SQLite has one writer at a time. A process that is stopped inside a write transaction keeps
//! the lock, and every other process waits for it in vain. In WAL mode the locks are on bytes
//! of the shared memory file, `FILE-shm` (SQLite: "WAL-mode file format", section 2.3), and
//! the kernel lists them in `/proc/locks` (proc(5)).

use backing_services::sqlite_file;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The shared memory file of a database with this URL; [`None`] if it is not SQLite.
pub(super) fn shared_memory_of(url: &str) -> Option<PathBuf> {
    let mut file = sqlite_file(url)?.into_os_string();
    file.push("-shm");
    Some(file.into())
}

/// Whether a process may hold a write lock on a file. If this process cannot find that out, it
/// may: the caller pauses it at another moment.
pub(super) fn holds_write_lock(pid: i32, file: &Path) -> bool {
    let found = fs::metadata(file)
        .and_then(|about| Ok((about.ino(), fs::read_to_string("/proc/locks")?)));
    match found {
        Ok((inode, locks)) => {
            locks.lines().any(|line| is_write_lock_of(line, pid, inode))
        }
        // Without the file, or on a kernel without the list, no lock is known.
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

/// A line is `1: POSIX ADVISORY WRITE 4711 08:01:131073 120 120`. One with `->` is a process
/// that waits.
fn is_write_lock_of(line: &str, pid: i32, inode: u64) -> bool {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [_number, "POSIX", _advisory, "WRITE", owner, place, _start, _end] = fields[..]
    else {
        return false;
    };
    let same_inode = place.rsplit(':').next() == Some(inode.to_string().as_str());
    same_inode && owner == pid.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_held_write_locks_of_the_process_count() {
        let of = |line| is_write_lock_of(line, 4711, 131_073);
        assert!(of("1: POSIX  ADVISORY  WRITE 4711 08:01:131073 120 120"));
        for line in [
            "1: POSIX  ADVISORY  READ 4711 08:01:131073 124 124",
            "1: POSIX  ADVISORY  WRITE 4712 08:01:131073 120 120",
            "1: POSIX  ADVISORY  WRITE 4711 08:01:131074 120 120",
            "1: -> POSIX  ADVISORY  WRITE 4711 08:01:131073 120 120",
            "1: FLOCK  ADVISORY  WRITE 4711 08:01:131073 0 EOF",
            "",
        ] {
            assert!(!of(line), "{line}");
        }
    }

    #[test]
    fn unknown_locks_count_as_held() {
        let folder = tempfile::tempdir().unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(!holds_write_lock(own, &folder.path().join("missing")));
        // A name that is too long for the kernel.
        assert!(holds_write_lock(own, &folder.path().join("x".repeat(300))));
    }

    #[test]
    fn shared_memory_is_beside_the_file() {
        let file = shared_memory_of("sqlite:///tmp/a/records.sqlite?mode=rwc");
        assert_eq!(file, Some(PathBuf::from("/tmp/a/records.sqlite-shm")));
        let encoded = shared_memory_of("sqlite:///tmp/a%20%C3%BC/records.sqlite");
        assert_eq!(encoded, Some(PathBuf::from("/tmp/a ü/records.sqlite-shm")));
        assert_eq!(shared_memory_of("postgres://127.0.0.1/records"), None);
    }
}
