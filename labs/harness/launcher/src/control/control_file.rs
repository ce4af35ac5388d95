//! The control file: the address and token of a cluster's control API. It is in the launcher's
//! run folder, so it is removed when the launcher ends, even after SIGKILL.

use anyhow::{Context, bail};
use process::run_dir::{RunDir, base_dir, is_abandoned};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;

/// The name of the control file in the run folder.
const FILE_NAME: &str = "control.json";

/// The cluster's name, the launcher's process id, the address and the token, in a file with
/// mode 0600.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct ControlFile {
    pub(super) name: String,
    pub(super) pid: u32,
    pub(super) address: SocketAddr,
    pub(super) token: String,
}

impl ControlFile {
    /// Writes the file into the run folder.
    pub(super) fn write(&self, run_dir: &RunDir) -> anyhow::Result<()> {
        run_dir.write_private(FILE_NAME, &serde_json::to_vec(self)?)?;
        Ok(())
    }
}

/// The control files of running launchers for that name. There are several while one of the
/// launchers is removing its own; then at most one launcher answers.
pub(super) fn find_all(name: &str) -> anyhow::Result<Vec<ControlFile>> {
    check_name(name)?;
    let base = base_dir()?;
    let folders = fs::read_dir(&base)
        .with_context(|| format!("cannot read the folder {}", base.display()))?;
    let mut found = Vec::new();
    for folder in folders {
        let folder = folder.context("cannot read the lab's folder")?.path();
        if is_abandoned(&folder) {
            continue;
        }
        if let Some(file) = read(&folder.join(FILE_NAME))?
            && file.name == name
        {
            found.push(file);
        }
    }
    Ok(found)
}

/// The control file; [`None`] if there is none yet or no more, or if it is being written. An
/// unreadable one is an error: its launcher may run.
fn read(path: &Path) -> anyhow::Result<Option<ControlFile>> {
    match fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot read {}", path.display()))
        }
    }
}

/// The lock for looking up and taking a name, so that two launchers cannot take the same name.
pub(super) fn lock_names() -> anyhow::Result<File> {
    let lock = File::open(base_dir()?).context("cannot open the lab's folder")?;
    lock.lock().context("cannot lock the lab's folder")?;
    Ok(lock)
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || name.len() > 32 || !name.bytes().all(plain) {
        bail!("a cluster's name is 1 to 32 letters, digits and '-'");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_control_file_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        assert!(read(&path).unwrap().is_none());
        // A folder can be opened and not read.
        fs::create_dir(&path).unwrap();
        assert!(read(&path).is_err());
    }
}
