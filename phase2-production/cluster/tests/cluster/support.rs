//! A cluster for a test: private, small, gone when the test is.

use api_contract::secret::Secret;
use cluster::status::{ClusterStatus, MemberStatus};
use cluster::{Backing, Cluster, Kind, Program, ServerKind, Tls, Topology, Users};
use load_balancer::status::BackendState;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Names the kinds that must be here: then a test of them fails instead of doing nothing.
pub(crate) const MUST_HAVE: &str = "LAB_MUST_HAVE";

/// Whether this kind is named there.
pub(crate) fn must_have(kind: Kind) -> bool {
    let named = std::env::var(MUST_HAVE).unwrap_or_default();
    named.split(' ').any(|one| one == kind.as_str())
}

/// Whether Redis and a database of this kind can be had here.
pub(crate) async fn is_offered(kind: Kind) -> bool {
    for what in [backing_services::What::Redis, backing_services::What::Database] {
        let offers = backing_services::offers(what).await;
        let offer = offers.into_iter().find(|offer| offer.kind == kind);
        let Err(reason) = offer.expect("every kind is judged").found else { continue };
        assert!(!must_have(kind), "{MUST_HAVE} names {}: {reason}", kind.as_str());
        eprintln!("SKIPPED the designs on {}: {reason}", kind.as_str());
        return false;
    }
    true
}

pub(crate) fn program() -> Program {
    Program { path: env!("CARGO_BIN_EXE_cluster-role").into(), prefix: Vec::new() }
}

pub(crate) fn topology(server: impl Into<ServerKind>, replicas: usize) -> Topology {
    Topology {
        replicas,
        users: Users::WithPassword(Secret::new("correct-horse")),
        ..Topology::on_loopback(program(), server)
    }
}

pub(crate) async fn start(server: impl Into<ServerKind>, replicas: usize) -> Cluster {
    Cluster::start(topology(server, replicas)).await.expect("the cluster starts")
}

pub(crate) async fn start_with(
    server: impl Into<ServerKind>,
    replicas: usize,
    backing: Backing,
) -> Cluster {
    let topology = Topology { backing, ..topology(server, replicas) };
    Cluster::start(topology).await.expect("the cluster starts")
}

/// On the embedded stores, and over HTTPS if `tls` says so.
pub(crate) async fn start_over(
    server: impl Into<ServerKind>,
    replicas: usize,
    tls: Option<Tls>,
) -> Cluster {
    let server = server.into();
    let backing = match server.has_records() {
        true => Backing::Embedded,
        false => Backing::Auto,
    };
    let topology = Topology { backing, tls, ..topology(server, replicas) };
    Cluster::start(topology).await.expect("the cluster starts")
}

/// Waits until the cluster's status is as wanted.
pub(crate) async fn until(
    cluster: &Cluster,
    what: &str,
    wanted: impl Fn(&ClusterStatus) -> bool,
) -> ClusterStatus {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let status = cluster.status().await;
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "never happened: {what}: {status:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn member(status: &ClusterStatus, id: &str) -> MemberStatus {
    status.member(id).expect("the member exists").clone()
}

pub(crate) fn seen_as(status: &ClusterStatus, id: &str, state: BackendState) -> bool {
    member(status, id).balancer.is_some_and(|seen| seen.state == state)
}

pub(crate) fn pids(status: &ClusterStatus) -> Vec<i32> {
    status.members.iter().filter_map(|member| member.pid).collect()
}

/// Whether a process exists that is not a zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
    state.is_some_and(|state| state != 'Z')
}

/// Waits until none of the processes and no such folder is left.
pub(crate) async fn until_gone(pids: &[i32], folder: &Path) {
    let deadline = Instant::now() + DEADLINE;
    while pids.iter().any(|pid| is_alive(*pid)) || folder.exists() {
        assert!(Instant::now() < deadline, "left behind: {pids:?}, {}", folder.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
