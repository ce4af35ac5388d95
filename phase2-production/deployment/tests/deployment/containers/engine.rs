//! Orders to the Docker engine that the library of containers has no call for: networks,
//! volumes, and the rougher ways to treat a container.
//!
//! Through the docker command, as a person would give them. Everything carries the label of
//! its owner, is removed when its value is dropped, also by a test that fails, and by the
//! next run if even that was not possible.

use anyhow::{Context, bail};
use backing_services::{OWNER_LABEL, owner};
use std::process::Command;

/// Runs the docker command to its end and returns what it printed.
pub(super) fn docker(args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("docker").args(args).output();
    let output = output.context("cannot start docker")?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        bail!("docker {}: {}", args.join(" "), said(&output.stderr));
    }
    Ok(said(&output.stdout))
}

/// The same, while other tasks go on.
pub(super) async fn order(args: &[&str]) -> anyhow::Result<()> {
    let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
    let obey = move || docker(&args.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(obey).await?.map(|_printed| ())
}

/// The label that says whose it is.
pub(super) fn label() -> (&'static str, String) {
    (OWNER_LABEL, owner())
}

/// A network or a volume of a test's own.
#[derive(Debug)]
pub(super) struct Made {
    kind: &'static str,
    pub(super) name: String,
}

impl Made {
    /// A network that only its members reach.
    pub(super) fn network(name: &str) -> anyhow::Result<Self> {
        Self::make("network", name)
    }

    /// A volume that several containers can share.
    pub(super) fn volume(name: &str) -> anyhow::Result<Self> {
        Self::make("volume", name)
    }

    /// The addresses of a network's members, as CIDR.
    pub(super) fn subnet(&self) -> anyhow::Result<String> {
        let format = "{{(index .IPAM.Config 0).Subnet}}";
        docker(&[self.kind, "inspect", "--format", format, &self.name])
    }

    fn make(kind: &'static str, name: &str) -> anyhow::Result<Self> {
        let (key, owner) = label();
        docker(&[kind, "create", "--label", &format!("{key}={owner}"), name])?;
        Ok(Self { kind, name: name.to_owned() })
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if let Err(error) = docker(&[self.kind, "rm", &self.name]) {
            eprintln!("{error:#}");
        }
    }
}
