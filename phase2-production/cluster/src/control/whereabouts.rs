//! Where a named cluster's control port is.

use crate::run_dir::{base_dir, write_private};
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The address and the token, in a file with mode 0600.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Whereabouts {
    pub(super) address: SocketAddr,
    pub(super) token: String,
}

/// The file of the cluster of that name.
pub(super) fn file(name: &str) -> anyhow::Result<PathBuf> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || name.len() > 32 || !name.bytes().all(plain) {
        bail!("a cluster's name is 1 to 32 letters, digits and '-'");
    }
    Ok(base_dir()?.join(format!("{name}.json")))
}

/// Reads the file; [`None`] when there is none.
pub(super) fn read(name: &str) -> anyhow::Result<Option<Whereabouts>> {
    let path = file(name)?;
    if !path.exists() {
        return Ok(None);
    }
    let text =
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let read = serde_json::from_slice(&text);
    read.map(Some)
        .with_context(|| format!("{} is damaged: remove it", path.display()))
}

/// Writes the file. Two launchers of one name cannot both succeed.
pub(super) fn write(name: &str, whereabouts: &Whereabouts) -> anyhow::Result<PathBuf> {
    let path = file(name)?;
    write_private(&path, &serde_json::to_vec(whereabouts)?)?;
    Ok(path)
}
