//! The command lines of a cluster's processes, and their shared secrets.

use super::endpoint::{PublicEndpoint, certificate_file};
use crate::cluster::BALANCER;
use crate::ready_process::{LISTENER_FD, Spec};
use crate::topology::{Reach, ServerKind, Tls, Topology};
use anyhow::Context;
use load_balancer::config::Checks;
use process::RunDir;
use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file of the key that signs tokens. Replicas of Phase 1 share nothing else.
const TOKEN_KEY_FILE: &str = "token.key";

/// The file of the token for the balancer's admin listener.
const ADMIN_TOKEN_FILE: &str = "balancer.token";

/// Milliseconds that the balancer waits for a response head, so that the clients of a paused
/// replica do not wait long.
const HEAD_TIMEOUT_MS: &str = "5000";

/// Writes fresh secrets into the run folder.
pub(super) fn write_secrets(run_dir: &RunDir) -> anyhow::Result<()> {
    for name in [TOKEN_KEY_FILE, ADMIN_TOKEN_FILE] {
        let mut secret = String::new();
        for _ in 0..2 {
            secret.push_str(&uuid::Uuid::new_v4().simple().to_string());
        }
        run_dir.write_private(name, secret.as_bytes())?;
    }
    Ok(())
}

/// The token for the balancer's admin listener.
pub(super) fn admin_token(run_dir: &RunDir) -> anyhow::Result<String> {
    std::fs::read_to_string(run_dir.path().join(ADMIN_TOKEN_FILE))
        .context("cannot read the balancer's token")
}

/// The command line of the balancer, which inherits the public listener.
pub(super) fn balancer(
    topology: &Topology,
    run_dir: &RunDir,
    listener: TcpListener,
) -> Spec {
    let mut args = Args::of("balancer", BALANCER);
    args.add("--listen-fd", LISTENER_FD.to_string());
    args.add("--policy", policy_name(topology));
    args.add("--admin-token-file", run_dir.path().join(ADMIN_TOKEN_FILE));
    args.add("--head-timeout-ms", HEAD_TIMEOUT_MS);
    if topology.reach == Reach::OtherMachines {
        args.0.push("--insecure-remote".into());
    }
    match &topology.tls {
        None => {}
        Some(Tls::SelfSigned) => {
            args.add("--tls", "self-signed");
            args.add("--tls-certificate-out", certificate_file(run_dir));
        }
        Some(Tls::Given { chain, key }) => {
            args.add("--tls", chain);
            args.add("--tls-key", key);
        }
    }
    let listener = Some(Arc::new(listener));
    Spec { listener, ..spec(topology, run_dir, BALANCER, args) }
}

/// The replicas that a balancer knows from its start, by id and address.
pub(super) fn backends(replicas: &[(String, SocketAddr)]) -> Vec<OsString> {
    let backend = |(id, address): &(String, SocketAddr)| -> [OsString; 2] {
        ["--backend".into(), format!("{id}={address}").into()]
    };
    replicas.iter().flat_map(backend).collect()
}

/// The folder of uploads and of all other data that may outlive the cluster.
pub(super) fn data_dir(topology: &Topology, run_dir: &RunDir) -> PathBuf {
    topology.data_dir.clone().unwrap_or_else(|| run_dir.path().join("data"))
}

/// The command line of a replica. `gossip` has the gossip addresses of a replicated design.
pub(super) fn replica(
    topology: &Topology,
    run_dir: &RunDir,
    users_file: &Path,
    id: &str,
    endpoint: &PublicEndpoint,
    gossip: Option<&Gossip>,
) -> Spec {
    let server = topology.server;
    let mut args = Args::of(server.role(), id);
    args.add("--listen", "127.0.0.1:0");
    args.add("--data-dir", data_dir(topology, run_dir));
    args.add("--users", users_file);
    // After SIGTERM it accepts until the balancer has taken it out.
    args.add("--drain-grace-ms", Checks::default().drain_grace().as_millis().to_string());
    if server == ServerKind::Stateless {
        args.add("--token-key-file", run_dir.path().join(TOKEN_KEY_FILE));
    }
    if let ServerKind::Upload(design) = server {
        args.add("--design", design.as_str());
        for (flag, value) in endpoint.flags() {
            args.add(flag, value);
        }
    }
    if let Some(Gossip { own, others }) = gossip {
        args.add("--gossip-listen", own.to_string());
        for other in others {
            args.add("--gossip-seed", other.to_string());
        }
    }
    args.0.extend(topology.replica_args.iter().cloned());
    spec(topology, run_dir, id, args)
}

/// The gossip address of a replica, and those of the other replicas.
pub(super) struct Gossip {
    pub(super) own: SocketAddr,
    pub(super) others: Vec<SocketAddr>,
}

struct Args(Vec<OsString>);

impl Args {
    fn of(role: &str, id: &str) -> Self {
        let mut args = Self(vec![role.into()]);
        args.add("--replica-id", id);
        args.add("--admin-listen", "127.0.0.1:0");
        args
    }

    fn add(&mut self, flag: &str, value: impl Into<OsString>) {
        self.0.extend([flag.into(), value.into()]);
    }
}

/// The log file of a member.
pub(super) fn log_file(run_dir: &RunDir, id: &str) -> PathBuf {
    run_dir.path().join(format!("{id}.log"))
}

fn spec(topology: &Topology, run_dir: &RunDir, id: &str, args: Args) -> Spec {
    let program = topology.program.clone();
    let (secrets, log) = (Vec::new(), log_file(run_dir, id));
    let (args, more_args) = (args.0, Vec::new());
    Spec { program, args, more_args, secrets, log, listener: None }
}

fn policy_name(topology: &Topology) -> String {
    use clap::ValueEnum;
    let value = topology.policy.to_possible_value();
    value.map(|value| value.get_name().to_owned()).unwrap_or_default()
}
