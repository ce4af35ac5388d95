//! A small private cluster for one test.

use api_contract::LoginRequest;
use api_contract::secret::Secret;
use launcher::status::{ClusterStatus, MemberStatus};
use launcher::{Backing, Cluster, Kind, Program, ServerKind, Tls, Topology, Users};
use load_balancer::status::BackendState;
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest time to wait for a condition.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(20);

const PASSWORD: &str = "correct-horse";

/// The environment variable with the kinds of services that must be available. A test of such a
/// kind fails instead of being skipped.
pub(crate) const MUST_HAVE: &str = "LAB_MUST_HAVE";

/// Whether this kind must be available.
pub(crate) fn must_have(kind: Kind) -> bool {
    let named = std::env::var(MUST_HAVE).unwrap_or_default();
    named.split(' ').any(|one| one == kind.as_str())
}

/// Whether Redis and a database of this kind are available.
pub(crate) async fn is_offered(kind: Kind) -> bool {
    for what in
        [backing_services::ServiceType::Redis, backing_services::ServiceType::Database]
    {
        let offers = backing_services::offers(what).await;
        let offer = offers.into_iter().find(|offer| offer.kind == kind);
        let Err(reason) = offer.expect("every kind has an offer").found else { continue };
        assert!(!must_have(kind), "{MUST_HAVE} names {}: {reason}", kind.as_str());
        eprintln!("SKIPPED the designs on {}: {reason}", kind.as_str());
        return false;
    }
    true
}

/// The account of [`topology`].
pub(crate) fn alice() -> LoginRequest {
    LoginRequest { username: "alice".to_owned(), password: Secret::new(PASSWORD) }
}

pub(crate) fn program() -> Program {
    Program { path: env!("CARGO_BIN_EXE_cluster-role").into(), prefix: Vec::new() }
}

pub(crate) fn topology(server: impl Into<ServerKind>, replicas: usize) -> Topology {
    Topology {
        replicas,
        users: Users::WithPassword(Secret::new(PASSWORD)),
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

/// Starts a cluster on embedded stores, over HTTPS if `tls` is given.
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

/// Waits until the status of the cluster fulfils a condition.
pub(crate) async fn until(
    cluster: &Cluster,
    what: &str,
    wanted: impl Fn(&ClusterStatus) -> bool,
) -> ClusterStatus {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    loop {
        let status = cluster.status().await;
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "timeout: {what}: {status:#?}");
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

/// Waits until all processes have ended and the folder is removed.
pub(crate) async fn until_gone(pids: &[i32], folder: &Path) {
    let what = format!("{pids:?} and {} are gone", folder.display());
    let are_gone = async || !pids.iter().any(|pid| is_alive(*pid)) && !folder.exists();
    process::until(&what, WAIT_TIMEOUT, are_gone).await;
}
