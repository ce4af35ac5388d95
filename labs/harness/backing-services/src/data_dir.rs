//! The folder of a service with its configuration, data and log. It is removed with the
//! service.

use crate::guard::Guard;
use crate::port;
use crate::spawn::{Account, MARKER_FD};
use anyhow::Context;
use nix::sys::signal::Signal;
use std::ffi::OsStr;
use std::fs::{self, DirEntry, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A folder that only the service's user can read. When dropped, it ends every process of the
/// service, and removes the folder.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// An empty file with a random name: see [`MARKER_FD`].
    marker: PathBuf,
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
        let marker = format!("marker-{}", port::password()?);
        let marker_path = created.path().join(&marker);
        let guard = Guard::of_data_dir(created.path(), &marker_path, signal)?;
        let path = created.keep();
        let data_dir = Self { path, marker: marker_path, account, _guard: guard };
        data_dir.write(&marker, "")?;
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
        let written = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content.as_bytes()));
        written.with_context(|| format!("cannot write {}", path.display()))?;
        self.change_owner(&path)?;
        Ok(path)
    }

    /// The marker, for the standard input of [`crate::spawn::command`].
    pub(crate) fn marker(&self) -> anyhow::Result<File> {
        // The folder of a running service may have been removed.
        let file = File::open(&self.marker);
        file.with_context(|| format!("cannot open {}", self.marker.display()))
    }

    /// The processes of the service: the server and its helpers. An incomplete list is an
    /// error: a caller would take it for the end of a helper.
    pub(crate) fn processes(&self) -> anyhow::Result<Vec<i32>> {
        let all: io::Result<_> = fs::read_dir("/proc").and_then(Iterator::collect);
        Ok(self.with_marker(all.context("cannot list the processes in /proc")?))
    }

    /// The ids of those processes, given by their folders in /proc, that have the marker.
    fn with_marker(&self, processes: Vec<DirEntry>) -> Vec<i32> {
        let processes = processes.into_iter();
        processes
            .filter_map(|process| process.file_name().to_str()?.parse().ok())
            .filter(|pid: &i32| {
                fs::read_link(format!("/proc/{pid}/fd/{MARKER_FD}"))
                    .is_ok_and(|link| without_deleted(&link) == self.marker)
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

/// The kernel appends " (deleted)" to the path of a removed file.
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
