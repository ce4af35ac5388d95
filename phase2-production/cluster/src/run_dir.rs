//! The launcher's own folder: logs, keys, temporary data. It is gone when the launcher
//! is; see `reaper` for the case in which the launcher cannot do that itself.

use crate::topology::Program;
use anyhow::{Context, bail};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Marks a folder as in use: held locked for as long as its launcher lives.
const OWNER: &str = "owner.lock";

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
        let path = base.join(format!("run-{}", uuid::Uuid::new_v4().simple()));
        DirBuilder::new().mode(0o700).create(&path).with_context(|| {
            format!("cannot make the folder {}: set TMPDIR to another", path.display())
        })?;
        let owner = File::create(path.join(OWNER)).context("cannot mark the folder")?;
        owner.lock().context("cannot lock the folder")?;
        let reaper = Command::new(&program.path)
            .args(&program.prefix)
            .args(["reaper", "--dir"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.path.display()))?;
        Ok(Self { path, reaper: Some(reaper), _owner: owner })
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

fn remove_abandoned(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let path = entry.path();
        // A folder without the mark may be one that is being made; its time will come.
        let abandoned = File::open(path.join(OWNER)).is_ok_and(|mark| {
            let free = mark.try_lock();
            free.is_ok()
        });
        if abandoned {
            let _next_time = fs::remove_dir_all(path);
        }
    }
}
