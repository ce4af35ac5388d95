//! The launcher's run folder: logs, keys, temporary data. It is removed when the launcher
//! ends. If the launcher is killed, `reaper` removes it.

use crate::topology::Program;
use anyhow::{Context, bail};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The lock file of a run folder. The launcher holds its lock for as long as it runs.
const LOCK_FILE: &str = "owner.lock";

/// The name prefix of a complete run folder. If its lock file is unlocked or missing, its
/// launcher has ended.
const PREFIX: &str = "run-";

/// The name prefix of a folder that is being created. Its lock file means nothing yet.
const NEW_PREFIX: &str = ".new-";

/// The age after which an incomplete folder counts as abandoned. Creating one takes
/// milliseconds.
const ABANDONED_AFTER: Duration = Duration::from_secs(600);

/// A private folder (mode 0700), which is removed when this value is dropped.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Dropped first, because the reaper waits for the end of its input.
    reaper: Option<Child>,
    _lock: File,
}

impl RunDir {
    /// Creates the folder, starts its reaper, and removes the folders of ended launchers.
    ///
    /// # Errors
    /// When the system's temporary folder cannot be used.
    pub fn create(program: &Program) -> anyhow::Result<Self> {
        let base = base_dir()?;
        remove_orphan_containers(&base);
        let (path, lock) = create_locked(&base).with_context(|| {
            format!("cannot create a folder in {}: set TMPDIR to another", base.display())
        })?;
        // From here on dropping this value removes the folder, also after an error.
        let mut run_dir = Self { path, reaper: None, _lock: lock };
        let reaper = Command::new(&program.path)
            .args(&program.prefix)
            .args(["reaper", "--dir"])
            .arg(&run_dir.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C reaches the whole process group of the terminal. The reaper must
            // outlive it, also one that comes before the reaper's first instruction.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", program.path.display()))?;
        run_dir.reaper = Some(reaper);
        Ok(run_dir)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file with mode 0600.
    ///
    /// # Errors
    /// When it exists already or cannot be written.
    pub fn write_private(&self, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        let written = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| io::Write::write_all(&mut file, content));
        written.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        let _reaper_tries_again = fs::remove_dir_all(&self.path);
        if let Some(mut reaper) = self.reaper.take() {
            drop(reaper.stdin.take());
            let _gone = reaper.wait();
        }
    }
}

/// `stateless-lab-<user id>` in the system's temporary folder. All users can write there, so
/// a folder of this name that belongs to another user is refused.
pub(crate) fn base_dir() -> anyhow::Result<PathBuf> {
    let user = nix::unistd::getuid().as_raw();
    // Members start in other folders, and other commands read the path from a file of text.
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

/// Creates and locks a folder before it gets the name that other launchers check.
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

/// Whether [`RunDir::create`] could have created a folder with this path.
pub(crate) fn is_run_dir_path(path: &Path) -> anyhow::Result<bool> {
    Ok(path.parent() == Some(base_dir()?.as_path()) && has_prefix(path, PREFIX))
}

/// Whether the launcher of this folder has ended without removing it.
pub(crate) fn is_abandoned(path: &Path) -> bool {
    if has_prefix(path, NEW_PREFIX) {
        let changed = fs::metadata(path).and_then(|meta| meta.modified());
        let age = changed.ok().and_then(|changed| changed.elapsed().ok());
        return age.is_some_and(|age| age > ABANDONED_AFTER);
    }
    if !has_prefix(path, PREFIX) {
        return false;
    }
    match File::open(path.join(LOCK_FILE)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn has_prefix(path: &Path, prefix: &str) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
}

fn remove_orphan_containers(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        if is_abandoned(&entry.path()) {
            let _next_launcher_tries_again = fs::remove_dir_all(entry.path());
        }
    }
}
