//! The folder for the temporary files of one grading. It is removed when the grading ends,
//! also if the grader is interrupted or killed.
//!
//! Three mechanisms: dropping the value removes the folder; a shell process (the reaper)
//! removes it when its input ends, so after SIGKILL too; and each new grading removes the
//! folders whose owner lock is free.

use crate::untrusted_file;
use anyhow::{Context, bail};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The lock file of a folder. The grader holds its lock for as long as it runs.
const LOCK_FILE: &str = "owner.lock";

/// The name prefix of a complete folder. If its lock file is unlocked, missing, or no
/// regular file, its grader has ended.
const PREFIX: &str = "grading-";

/// The name prefix of a folder that is being created. Its lock file means nothing yet.
const NEW_PREFIX: &str = ".new-grading-";

/// The age after which an incomplete folder counts as abandoned. Creating one takes
/// milliseconds.
const ABANDONED_AFTER: Duration = Duration::from_mins(10);

/// Waits for the end of its input, then removes the folder `$0`. It repeats that while
/// processes of the grading are dying, because they may still create files.
const REAPER: &str = "trap '' INT TERM HUP
while read -r _; do :; done
n=0
while [ -e \"$0\" ] && [ \"$n\" -lt 300 ]; do rm -rf -- \"$0\"; sleep 0.05; n=$((n + 1)); done";

/// A private folder (mode 0700), which is removed when this value is dropped.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    reaper: Option<Child>,
    _lock: File,
}

impl RunFolder {
    /// Creates the folder and removes the folders of killed graders.
    ///
    /// # Errors
    /// When the system's temporary folder cannot be used.
    pub(crate) fn create() -> anyhow::Result<Self> {
        let base = base_folder()?;
        remove_abandoned(&base);
        let (path, lock) = create_locked(&base).with_context(|| {
            format!("cannot create a folder in {}: set TMPDIR to another", base.display())
        })?;
        // Without a reaper, the next grading removes the folder of a killed one.
        let reaper = start_reaper(&path).ok();
        Ok(Self { path, reaper, _lock: lock })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a folder in it, if it does not exist. A program can have deleted it.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.path.join(name);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        let _reaper_tries_again = fs::remove_dir_all(&self.path);
        if let Some(mut reaper) = self.reaper.take() {
            drop(reaper.stdin.take());
            let _gone = reaper.wait();
        }
    }
}

fn start_reaper(folder: &Path) -> io::Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", REAPER]).arg(folder).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C in a terminal reaches the whole process group.
    command.process_group(0).spawn()
}

/// `stateless-lab-<user id>` in the system's temporary folder. All users can write there,
/// so a folder of this name that belongs to another user is refused.
fn base_folder() -> anyhow::Result<PathBuf> {
    let user = nix::unistd::getuid().as_raw();
    // Programs start in other folders, where a relative path would name another one.
    let temporary = std::path::absolute(std::env::temp_dir())
        .context("cannot find the folder for temporary files")?;
    let base = temporary.join(format!("stateless-lab-{user}"));
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&base);
    made.with_context(|| {
        format!("cannot create the folder {}: set TMPDIR to another", base.display())
    })?;
    let about =
        fs::symlink_metadata(&base).context("cannot read the metadata of the folder")?;
    if !about.is_dir() || about.uid() != user || about.mode() & 0o077 != 0 {
        bail!("{} is not a private folder of yours: remove it", base.display());
    }
    Ok(base)
}

/// Creates and locks a folder before it gets the name that other graders check.
fn create_locked(base: &Path) -> io::Result<(PathBuf, File)> {
    let new = tempfile::Builder::new().prefix(NEW_PREFIX).tempdir_in(base)?;
    let lock = File::create(new.path().join(LOCK_FILE))?;
    lock.lock()?;
    let name = new.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let path = base.join(name.replacen(NEW_PREFIX, PREFIX, 1));
    fs::rename(new.path(), &path)?;
    // It has another name now, and this value would remove the old one.
    let _old_name = new.keep();
    Ok((path, lock))
}

/// Whether the grader of this folder has ended without removing it.
fn is_abandoned(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.starts_with(NEW_PREFIX) {
        let changed = fs::metadata(path).and_then(|about| about.modified());
        let age = changed.ok().and_then(|changed| changed.elapsed().ok());
        return age.is_some_and(|age| age > ABANDONED_AFTER);
    }
    if !name.starts_with(PREFIX) {
        return false;
    }
    let lock = path.join(LOCK_FILE);
    match untrusted_file::open(&lock) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => match fs::symlink_metadata(&lock) {
            Ok(about) => !about.is_file(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        },
    }
}

fn remove_abandoned(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        if is_abandoned(&entry.path()) {
            let _next_grading_tries_again = fs::remove_dir_all(entry.path());
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
            (base.path().join(format!("{NEW_PREFIX}x")), base.path().join("run-x"));
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
}
