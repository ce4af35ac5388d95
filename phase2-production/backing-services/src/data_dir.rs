//! The folder of a service with its configuration, data and log. It is removed with the
//! service.

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

/// A folder that only the service's user can read. When dropped, it ends every process with
/// this working folder, and removes the folder.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    account: Option<Account>,
    _guard: Guard,
}

impl DataDir {
    /// Creates a folder below `dir`. For an account that cannot reach `dir` it is below the
    /// nearest ancestor that every user can reach. `signal` ends its processes.
    pub(crate) fn create(
        dir: &Path,
        name: &str,
        account: Option<Account>,
        signal: Signal,
    ) -> anyhow::Result<Self> {
        let dir = dir.canonicalize();
        let dir = dir.with_context(|| format!("the folder for {name} does not exist"))?;
        let base = match account {
            None => dir,
            Some(_) => reachable(&dir)?,
        };
        let created = tempfile::Builder::new()
            .prefix(&format!("stateless-lab-{name}-"))
            .tempdir_in(&base)
            .with_context(|| format!("cannot create a folder in {}", base.display()))?;
        let signal = signal.as_str().trim_start_matches("SIG");
        let guard = Guard::of_data_dir(created.path(), signal)?;
        let data_dir = Self { path: created.keep(), account, _guard: guard };
        data_dir.change_owner(&data_dir.path)?;
        Ok(data_dir)
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
        self.change_owner(&path)?;
        Ok(path)
    }

    /// The processes with this working folder: the server and its helpers.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|process| process.file_name().to_str()?.parse().ok())
            .filter(|pid: &i32| {
                fs::read_link(format!("/proc/{pid}/cwd"))
                    .is_ok_and(|cwd| without_deleted(&cwd).starts_with(&self.path))
            })
            .collect()
    }

    fn change_owner(&self, path: &Path) -> anyhow::Result<()> {
        let Some(Account { uid, gid }) = &self.account else {
            return Ok(());
        };
        nix::unistd::chown(path, Some(*uid), Some(*gid))
            .with_context(|| format!("cannot change the owner of {}", path.display()))
    }
}

/// The kernel appends " (deleted)" to the path of a removed folder.
fn without_deleted(path: &Path) -> &Path {
    let name = path.as_os_str().as_bytes();
    let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
    Path::new(OsStr::from_bytes(name))
}

/// The nearest folder, itself included, that every user can enter.
fn reachable(dir: &Path) -> anyhow::Result<PathBuf> {
    let mut reachable = None;
    for folder in dir.ancestors().collect::<Vec<_>>().into_iter().rev() {
        let meta = fs::metadata(folder);
        let meta = meta.with_context(|| format!("cannot read {}", folder.display()))?;
        if meta.mode() & 0o001 == 0 {
            break;
        }
        reachable = Some(folder.to_owned());
    }
    reachable.context("no folder of this file system can be entered by every user")
}
