//! A service's own folder: configuration, data, log. It goes with the service.

use crate::guard::Guard;
use crate::spawn::Account;
use anyhow::Context;
use nix::sys::signal::Signal;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A folder that only its user can look into. Dropped, it ends every process that works in
/// it, and is removed.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    account: Option<Account>,
    _guard: Guard,
}

impl Home {
    /// Makes one below `dir`, or, for another user who cannot reach `dir`, in the nearest
    /// folder above that everybody can reach. `signal` is how its processes are ended.
    pub(crate) fn make(
        dir: &Path,
        name: &str,
        account: Option<Account>,
        signal: Signal,
    ) -> anyhow::Result<Self> {
        let dir = dir.canonicalize();
        let dir = dir.with_context(|| format!("no folder for {name}"))?;
        let base = match account {
            None => dir,
            Some(_) => reachable(&dir)?,
        };
        let made = tempfile::Builder::new()
            .prefix(&format!("stateless-lab-{name}-"))
            .tempdir_in(&base)
            .with_context(|| format!("cannot make a folder in {}", base.display()))?;
        let signal = signal.as_str().trim_start_matches("SIG");
        let guard = Guard::of_home(made.path(), signal)?;
        let home = Self { path: made.keep(), account, _guard: guard };
        home.hand_over(&home.path)?;
        Ok(home)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Writes a file that only the service's user can read.
    pub(crate) fn write(&self, name: &str, content: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        let written = fs::File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content.as_bytes()));
        written.with_context(|| format!("cannot write {}", path.display()))?;
        self.hand_over(&path)?;
        Ok(path)
    }

    /// The processes that work in it, the server and its helpers.
    pub(crate) fn family(&self) -> Vec<i32> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|process| process.file_name().to_str()?.parse().ok())
            .filter(|pid: &i32| {
                fs::read_link(format!("/proc/{pid}/cwd"))
                    .is_ok_and(|place| undeleted(&place).starts_with(&self.path))
            })
            .collect()
    }

    fn hand_over(&self, path: &Path) -> anyhow::Result<()> {
        let Some(Account { uid, gid }) = &self.account else {
            return Ok(());
        };
        nix::unistd::chown(path, Some(*uid), Some(*gid))
            .with_context(|| format!("cannot give {} away", path.display()))
    }
}

/// The kernel says so behind the name when somebody has removed the folder meanwhile.
fn undeleted(place: &Path) -> &Path {
    let name = place.as_os_str().as_bytes();
    let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
    Path::new(OsStr::from_bytes(name))
}

/// The nearest folder, itself included, that every user can pass into.
fn reachable(dir: &Path) -> anyhow::Result<PathBuf> {
    let mut reachable = None;
    for folder in dir.ancestors().collect::<Vec<_>>().into_iter().rev() {
        let meta = fs::metadata(folder);
        let meta =
            meta.with_context(|| format!("cannot look at {}", folder.display()))?;
        if meta.mode() & 0o001 == 0 {
            break;
        }
        reachable = Some(folder.to_owned());
    }
    reachable.context("not even the root of this file system can be reached by everybody")
}
