//! The folder of one run: logs, keys, temporary data. It is removed when this process ends,
//! also if it is interrupted or killed.
//!
//! Three mechanisms: dropping the value removes the folder; its reaper does so after SIGKILL;
//! and each new run removes the folders whose lock is free.

use crate::private_file;
use crate::reaper::Reaper;
use anyhow::{Context, bail};
use nix::fcntl::OFlag;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The lock file of a run folder. Its process holds the lock for as long as it runs.
const LOCK_FILE: &str = "owner.lock";

/// The name prefix of a complete run folder. If its lock file is unlocked, missing, or no
/// regular file, its process has ended.
const PREFIX: &str = "run-";

/// The name prefix of a folder that is being created. Its lock file means nothing yet.
const NEW_PREFIX: &str = ".new-";

/// The age after which an incomplete folder counts as abandoned. Creating one takes
/// milliseconds.
const ABANDONED_AFTER: Duration = Duration::from_mins(10);

/// Removes the folder `$1`. It repeats that while processes of the run are dying, because they
/// may still create files.
const REMOVE: &str = r#"
tries=0
while [ -e "$1" ] && [ "$tries" -lt 300 ]; do
    rm -rf -- "$1"
    sleep 0.05
    tries=$((tries + 1))
done
"#;

/// A private folder (mode 0700), which is removed when this value is dropped.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    reaper: Option<Reaper>,
    _lock: File,
}

impl RunDir {
    /// Creates the folder, starts its reaper, and removes the folders of ended processes.
    ///
    /// # Errors
    /// When the system's temporary folder cannot be used.
    pub fn create() -> anyhow::Result<Self> {
        let base = base_dir()?;
        remove_abandoned(&base);
        let (path, lock) = create_locked(&base).with_context(|| {
            format!("cannot create a folder in {}: set TMPDIR to another", base.display())
        })?;
        // From here on dropping this value removes the folder, also after an error.
        let mut run_dir = Self { path, reaper: None, _lock: lock };
        run_dir.reaper = Some(Reaper::start(REMOVE, [&run_dir.path])?);
        Ok(run_dir)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a folder in it, if it does not exist. A program can have deleted it.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.path.join(name);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }

    /// Writes a file with mode 0600.
    ///
    /// # Errors
    /// When it exists already or cannot be written.
    pub fn write_private(&self, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        private_file::write(&path, content)?;
        Ok(path)
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        let _reaper_tries_again = fs::remove_dir_all(&self.path);
        drop(self.reaper.take());
    }
}

/// `stateless-lab-<user id>` in the system's temporary folder. All users can write there, so
/// a folder of this name that belongs to another user is refused.
///
/// # Errors
/// When it cannot be created or is not private.
pub fn base_dir() -> anyhow::Result<PathBuf> {
    let user = nix::unistd::getuid().as_raw();
    // Children start in other folders, and other commands read the path from a file of text.
    let temporary = std::path::absolute(std::env::temp_dir())
        .context("cannot find the folder for temporary files")?;
    if temporary.to_str().is_none() {
        let temporary = temporary.display();
        bail!("the name of the folder {temporary} is no text: set TMPDIR to another");
    }
    let base = temporary.join(format!("stateless-lab-{user}"));
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&base);
    made.with_context(|| {
        format!("cannot create the folder {}: set TMPDIR to another", base.display())
    })?;
    let meta =
        fs::symlink_metadata(&base).context("cannot read the metadata of the folder")?;
    if !meta.is_dir() || meta.uid() != user || meta.mode() & 0o077 != 0 {
        bail!("{} is not a private folder of yours: remove it", base.display());
    }
    Ok(base)
}

/// Creates and locks a folder before it gets the name that other processes check.
fn create_locked(base: &Path) -> io::Result<(PathBuf, File)> {
    let id = uuid::Uuid::new_v4().simple();
    let path = base.join(format!("{PREFIX}{id}"));
    let new_path = base.join(format!("{NEW_PREFIX}{id}"));
    DirBuilder::new().mode(0o700).create(&new_path)?;
    let lock = File::create(new_path.join(LOCK_FILE))?;
    lock.lock()?;
    fs::rename(&new_path, &path)?;
    Ok((path, lock))
}

/// Whether the process of this folder has ended without removing it.
#[must_use]
pub fn is_abandoned(path: &Path) -> bool {
    if has_prefix(path, NEW_PREFIX) {
        let changed = fs::metadata(path).and_then(|meta| meta.modified());
        let age = changed.ok().and_then(|changed| changed.elapsed().ok());
        return age.is_some_and(|age| age > ABANDONED_AFTER);
    }
    if !has_prefix(path, PREFIX) {
        return false;
    }
    let lock = path.join(LOCK_FILE);
    match fs::symlink_metadata(&lock) {
        // A program of the run put a pipe or a link in its place.
        Ok(meta) if !meta.is_file() => true,
        Ok(_) => open_lock(&lock).is_ok_and(|lock| lock.try_lock().is_ok()),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Opens a file without waiting for the other end of a pipe and without following a link.
fn open_lock(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK.union(OFlag::O_NOFOLLOW);
    File::options().read(true).custom_flags(flags.bits()).open(path)
}

fn has_prefix(path: &Path, prefix: &str) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
}

fn remove_abandoned(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        if is_abandoned(&entry.path()) {
            let _next_run_tries_again = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use std::time::Instant;
    use tempfile::TempDir;

    #[test]
    fn only_folders_without_an_owner_are_removed() {
        let base = tempfile::tempdir().unwrap();
        let (owned, lock) = create_locked(base.path()).unwrap();
        let (killed, _) = create_locked(base.path()).unwrap();
        let emptied = base.path().join(format!("{PREFIX}emptied"));
        let spoilt = base.path().join(format!("{PREFIX}spoilt"));
        let (new, other) =
            (base.path().join(format!("{NEW_PREFIX}x")), base.path().join("other-x"));
        for folder in [&emptied, &spoilt, &new, &other] {
            fs::create_dir(folder).unwrap();
        }
        // A program put a pipe in the place of the lock file.
        mkfifo(&spoilt.join(LOCK_FILE), Mode::S_IRWXU).unwrap();
        remove_until_gone(&base, &killed);
        for (folder, stays) in [
            (&owned, true),
            (&killed, false),
            (&emptied, false),
            (&spoilt, false),
            (&new, true),
            (&other, true),
        ] {
            assert_eq!(folder.exists(), stays, "{}", folder.display());
        }
        drop(lock);
        remove_until_gone(&base, &owned);
    }

    /// Another test may start a program at the same moment. Between its fork and its exec, that
    /// process has the lock, too.
    fn remove_until_gone(base: &TempDir, folder: &Path) {
        let began = Instant::now();
        while folder.exists() && began.elapsed() < Duration::from_secs(10) {
            remove_abandoned(base.path());
        }
        assert!(!folder.exists(), "{}", folder.display());
    }

    /// The reaper alone, as after SIGKILL, when no value is dropped.
    #[test]
    fn reaper_removes_a_folder_with_its_content() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("a folder's name; with 'signs'");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("file"), "text").unwrap();
        let reaper = Reaper::start(REMOVE, [&folder]).unwrap();
        assert!(folder.exists(), "its process runs");
        drop(reaper);
        assert!(!folder.exists() && base.path().exists());
    }
}
