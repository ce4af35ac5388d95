//! Docker commands that the testcontainers library lacks: networks, volumes, and faults of
//! containers.
//!
//! Every resource has the label of its owner. It is removed when its value is dropped, also by
//! a failed test. If the process was killed, the next run removes it.

use anyhow::{Context, bail};
use backing_services::{OWNER_LABEL, owner};
use std::process::Command;

/// Runs a docker command and returns its output.
pub(super) fn docker(args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("docker").args(args).output();
    let output = output.context("cannot start docker")?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        bail!("docker {}: {}", args.join(" "), text(&output.stderr));
    }
    Ok(text(&output.stdout))
}

/// Runs a docker command without blocking other tasks.
pub(super) async fn docker_command(args: &[&str]) -> anyhow::Result<()> {
    let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
    let run = move || docker(&args.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await?.map(|_output| ())
}

/// The label with the owner.
pub(super) fn label() -> (&'static str, String) {
    (OWNER_LABEL, owner())
}

/// A network or a volume of a test.
#[derive(Debug)]
pub(super) struct DockerResource {
    kind: &'static str,
    pub(super) name: String,
}

impl DockerResource {
    /// A private network.
    pub(super) fn network(name: &str) -> anyhow::Result<Self> {
        Self::create("network", name)
    }

    /// A volume that several containers can share.
    pub(super) fn volume(name: &str) -> anyhow::Result<Self> {
        Self::create("volume", name)
    }

    /// The address range of a network, as CIDR.
    pub(super) fn subnet(&self) -> anyhow::Result<String> {
        let format = "{{(index .IPAM.Config 0).Subnet}}";
        docker(&[self.kind, "inspect", "--format", format, &self.name])
    }

    fn create(kind: &'static str, name: &str) -> anyhow::Result<Self> {
        let (key, owner) = label();
        docker(&[kind, "create", "--label", &format!("{key}={owner}"), name])?;
        Ok(Self { kind, name: name.to_owned() })
    }
}

impl Drop for DockerResource {
    fn drop(&mut self) {
        if let Err(error) = docker(&[self.kind, "rm", &self.name]) {
            eprintln!("{error:#}");
        }
    }
}
