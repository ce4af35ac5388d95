//! Where a named cluster's control port is: a note in the launcher's own folder, so that
//! it is gone when the launcher is, however the launcher ended.

use crate::run_dir::{RunDir, base_dir, is_abandoned};
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::net::SocketAddr;

const NOTE: &str = "control.json";

/// The name, the launcher's process id, the address and the token, in a file with mode
/// 0600.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Whereabouts {
    pub(super) name: String,
    pub(super) pid: u32,
    pub(super) address: SocketAddr,
    pub(super) token: String,
}

impl Whereabouts {
    /// Leaves the note.
    pub(super) fn write(&self, run_dir: &RunDir) -> anyhow::Result<()> {
        run_dir.write_private(NOTE, &serde_json::to_vec(self)?)?;
        Ok(())
    }
}

/// The notes of that name whose launchers live. Several, if one of them is just removing
/// its own; then at most one of them answers.
pub(super) fn notes(name: &str) -> anyhow::Result<Vec<Whereabouts>> {
    check(name)?;
    let base = base_dir()?;
    let folders = fs::read_dir(&base)
        .with_context(|| format!("cannot read the folder {}", base.display()))?;
    let folders = folders.flatten().map(|folder| folder.path());
    let notes = folders.filter(|folder| !is_abandoned(folder)).filter_map(|folder| {
        let text = fs::read(folder.join(NOTE)).ok()?;
        serde_json::from_slice::<Whereabouts>(&text).ok()
    });
    Ok(notes.filter(|note| note.name == name).collect())
}

/// Held while a name is looked up and taken, so that of two launchers one comes first.
pub(super) fn turn() -> anyhow::Result<File> {
    let turn = File::open(base_dir()?).context("cannot open the lab's folder")?;
    turn.lock().context("cannot lock the lab's folder")?;
    Ok(turn)
}

fn check(name: &str) -> anyhow::Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || name.len() > 32 || !name.bytes().all(plain) {
        bail!("a cluster's name is 1 to 32 letters, digits and '-'");
    }
    Ok(())
}
