//! The launcher's own folder: logs, keys, temporary data. It is gone when the launcher
//! is; see `reaper` for the case in which the launcher cannot do that itself.

use crate::topology::Program;
use anyhow::{Context, bail};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Marks a folder as in use: held locked for as long as its launcher lives.
const OWNER: &str = "owner.lock";

/// A folder of this name is marked, and its mark is locked: a free mark, or none, means
/// that its launcher is gone.
const MADE: &str = "run-";

/// A folder of this name is being made; nothing can be told from its mark.
const IN_THE_MAKING: &str = ".new-";

/// Making a folder takes no time; one that is in the making for so long was given up.
const GIVEN_UP: Duration = Duration::from_secs(600);

/// A folder that only this user can look into, and that ends with this value.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Dropped first: the end of its input is what the reaper waits for.
    reaper: Option<Child>,
    _owner: File,
}

impl RunDir {
    /// Makes the folder, starts its reaper, and removes folders whose launchers are gone.
    ///
    /// # Errors
    /// When the temporary folder of the system cannot be used.
    pub fn create(program: &Program) -> anyhow::Result<Self> {
        let base = base_dir()?;
        remove_abandoned(&base);
        let (path, owner) = make(&base).with_context(|| {
            format!("cannot make a folder in {}: set TMPDIR to another", base.display())
        })?;
        // From here on the folder goes with this value, whatever fails.
        let mut run_dir = Self { path, reaper: None, _owner: owner };
        let reaper = Command::new(&program.path)
            .args(&program.prefix)
            .args(["reaper", "--dir"])
            .arg(&run_dir.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
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

    /// Writes a file that only this user can read.
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
        let _reaper_will = fs::remove_dir_all(&self.path);
        if let Some(mut reaper) = self.reaper.take() {
            drop(reaper.stdin.take());
            let _gone = reaper.wait();
        }
    }
}

/// `stateless-lab-<user id>` in the system's temporary folder. Anyone may write there,
/// so a folder that somebody else prepared under this name is refused.
pub(crate) fn base_dir() -> anyhow::Result<PathBuf> {
    let user = nix::unistd::getuid().as_raw();
    let base = std::env::temp_dir().join(format!("stateless-lab-{user}"));
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&base);
    made.with_context(|| {
        format!("cannot make the folder {}: set TMPDIR to another", base.display())
    })?;
    let meta = fs::symlink_metadata(&base).context("cannot look at the folder")?;
    if !meta.is_dir() || meta.uid() != user || meta.mode() & 0o077 != 0 {
        bail!("{} is not a private folder of yours: remove it", base.display());
    }
    Ok(base)
}

/// Makes, marks and locks a folder before it gets the name under which others judge it.
fn make(base: &Path) -> io::Result<(PathBuf, File)> {
    let id = uuid::Uuid::new_v4().simple();
    let path = base.join(format!("{MADE}{id}"));
    let in_the_making = base.join(format!("{IN_THE_MAKING}{id}"));
    DirBuilder::new().mode(0o700).create(&in_the_making)?;
    let owner = File::create(in_the_making.join(OWNER))?;
    owner.lock()?;
    fs::rename(&in_the_making, &path)?;
    Ok((path, owner))
}

/// Whether this is where [`RunDir::create`] puts a folder.
pub(crate) fn is_place_of_one(path: &Path) -> anyhow::Result<bool> {
    Ok(path.parent() == Some(base_dir()?.as_path()) && is_called(path, MADE))
}

/// Whether a folder was left behind by a launcher that did not get to remove it.
pub(crate) fn is_abandoned(path: &Path) -> bool {
    if is_called(path, IN_THE_MAKING) {
        let changed = fs::metadata(path).and_then(|meta| meta.modified());
        let age = changed.ok().and_then(|changed| changed.elapsed().ok());
        return age.is_some_and(|age| age > GIVEN_UP);
    }
    if !is_called(path, MADE) {
        return false;
    }
    match File::open(path.join(OWNER)) {
        Ok(mark) => mark.try_lock().is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn is_called(path: &Path, start: &str) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(start.as_bytes()))
}

fn remove_abandoned(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        if is_abandoned(&entry.path()) {
            let _next_time = fs::remove_dir_all(entry.path());
        }
    }
}
