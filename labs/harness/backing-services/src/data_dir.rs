//! The folder of a service with its configuration, data and log. It is removed with the
//! service.

use anyhow::Context;
use nix::sys::signal::Signal;
use process::{Account, Marker, Reaper, private_file};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Removes the folder `$3`, when all processes of the service have ended. A killed Postgres
/// leaves a shared memory segment; line 7 of its file has the id.
const REMOVE: &str = r#"
dir=$3
if [ -f "$dir/data/postmaster.pid" ]; then
    set -- $(sed -n 7p "$dir/data/postmaster.pid")
    ipcrm -m "$2"
fi
rm -rf "$dir"
"#;

/// A folder that only the service's user can read. When dropped, it ends every process of the
/// service, and removes the folder.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    marker: Marker,
    account: Option<Account>,
    _reaper: Reaper,
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
        let marker = Marker::new_in(created.path());
        let reaper = marker.reaper(signal, REMOVE, created.path())?;
        let path = created.keep();
        let data_dir = Self { path, marker, account, _reaper: reaper };
        data_dir.marker.write()?;
        data_dir.change_owner(&data_dir.path)?;
        Ok(data_dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Writes a file that only the service's user can read.
    pub(crate) fn write(&self, name: &str, content: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        private_file::write(&path, content.as_bytes())?;
        self.change_owner(&path)?;
        Ok(path)
    }

    /// A command for a program of the service, which gets `on_parent_exit` from the kernel when
    /// this process ends.
    pub(crate) fn command(
        &self,
        program: &Path,
        on_parent_exit: Signal,
    ) -> anyhow::Result<Command> {
        self.marker.command(program, self.account.as_ref(), on_parent_exit)
    }

    /// The processes of the service: the server and its helpers.
    pub(crate) fn processes(&self) -> anyhow::Result<Vec<i32>> {
        self.marker.processes()
    }

    fn change_owner(&self, path: &Path) -> anyhow::Result<()> {
        let Some(Account { uid, gid }) = &self.account else {
            return Ok(());
        };
        nix::unistd::chown(path, Some(*uid), Some(*gid))
            .with_context(|| format!("cannot change the owner of {}", path.display()))
    }
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
