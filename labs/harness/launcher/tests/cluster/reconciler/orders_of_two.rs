//! Every order of two faults, the second one while the first is in force.
//!
//! Each cluster has three replicas: the first fault of a replica hits `r1`, the second one `r2`,
//! and nothing hits `r3`. After the two faults only the balancer is repaired. Then every live
//! replica must get requests, and no dead one may be listed as up. Then all is repaired.
//!
//! `LAB_ORDERS` is the number of rounds through all pairs (default 1; nightly runs use 5).

use super::{balancer_status, short_client};
use crate::support::{member, topology};
use anyhow::{Context, ensure};
use api_contract::paths;
use http::Method;
use launcher::commands::MemberAction;
use launcher::status::{MemberStatus, ProcessState};
use launcher::{Cluster, ServerKind};
use load_balancer::status::{BackendState, Status};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The clusters that run at the same time. A round mostly waits for health checks.
const CLUSTERS: usize = 8;

/// The longest time until the balancer has the expected state.
const CONVERGENCE_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    BalancerHung,
    BalancerKilled,
    BalancerRestarted,
    /// Stopped by another program, so the launcher does not know it.
    ReplicaHung,
    ReplicaKilled,
    /// SIGTERM by another program: it answers "not ready", and then it ends.
    ReplicaNotReady,
    ReplicaDrained,
    ReplicaRestarted,
}

use Fault::{
    BalancerHung, BalancerKilled, BalancerRestarted, ReplicaDrained, ReplicaHung,
    ReplicaKilled, ReplicaNotReady, ReplicaRestarted,
};

const FAULTS: [Fault; 8] = [
    BalancerHung,
    BalancerKilled,
    BalancerRestarted,
    ReplicaHung,
    ReplicaKilled,
    ReplicaNotReady,
    ReplicaDrained,
    ReplicaRestarted,
];

/// What a replica is after the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Serving,
    Hung,
    Dead,
    Drained,
}

fn pairs() -> Vec<(Fault, Fault)> {
    FAULTS.iter().flat_map(|one| FAULTS.iter().map(|two| (*one, *two))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_two_faults_ends_with_live_replicas_up() {
    let rounds = std::env::var("LAB_ORDERS").map_or(1, |text| text.parse().unwrap());
    let all: Vec<_> = (0..rounds).flat_map(|_| pairs()).collect();
    let share = all.len().div_ceil(CLUSTERS);
    let tasks = all.chunks(share).map(|pairs| tokio::spawn(run_pairs(pairs.to_vec())));
    let mut failures = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        failures.extend(task.await.unwrap());
    }
    assert!(failures.is_empty(), "{} orders:\n{}", failures.len(), failures.join("\n"));
}

async fn run_pairs(pairs: Vec<(Fault, Fault)>) -> Vec<String> {
    let mut topology = topology(ServerKind::Stateless, 3);
    topology.replica_args = vec!["--drain-grace-ms".into(), "300".into()];
    let cluster = Cluster::start(topology).await;
    let cluster = Arc::new(cluster.expect("the cluster starts"));
    let mut failures = Vec::new();
    for (first, second) in pairs {
        if let Err(error) = run_pair(&cluster, first, second).await {
            failures.push(format!("{first:?}, then {second:?}: {error:#}"));
        }
    }
    cluster.down().await;
    failures
}

type Replicas = BTreeMap<&'static str, Expected>;

async fn run_pair(
    cluster: &Arc<Cluster>,
    first: Fault,
    second: Fault,
) -> anyhow::Result<()> {
    let mut expected: Replicas =
        ["r1", "r2", "r3"].map(|id| (id, Expected::Serving)).into();
    let survived = survive(cluster, [(first, "r1"), (second, "r2")], &mut expected).await;
    for (id, was) in &mut expected {
        match was {
            Expected::Hung => signal(cluster, id, Signal::SIGCONT).await?,
            Expected::Dead => repair(cluster, id).await?,
            Expected::Drained => cluster.execute(id, MemberAction::Undrain).await?,
            Expected::Serving => {}
        }
        *was = Expected::Serving;
    }
    survived.context("after the repair of the balancer")?;
    converge(cluster, &expected).await.context("after the repair of all")
}

/// Injects the faults, repairs only the balancer, and checks every replica.
async fn survive(
    cluster: &Arc<Cluster>,
    faults: [(Fault, &'static str); 2],
    expected: &mut Replicas,
) -> anyhow::Result<()> {
    for (fault, replica) in faults {
        inject(cluster, fault, replica).await?;
        let after = match fault {
            ReplicaHung => Expected::Hung,
            ReplicaKilled | ReplicaNotReady => Expected::Dead,
            ReplicaDrained => Expected::Drained,
            _ => Expected::Serving,
        };
        expected.insert(replica, after);
    }
    repair(cluster, "lb").await?;
    converge(cluster, expected).await
}

/// Returns when the fault is in force, which may be before the command returns: a command
/// waits for a balancer that hangs.
async fn inject(
    cluster: &Arc<Cluster>,
    fault: Fault,
    replica: &'static str,
) -> anyhow::Result<()> {
    match fault {
        BalancerHung => ignore(cluster.execute("lb", MemberAction::Pause).await),
        BalancerKilled => ignore(cluster.execute("lb", MemberAction::Kill).await),
        BalancerRestarted => {
            let old = member(&cluster.status().await, "lb").pid;
            let command = spawn(cluster, "lb", MemberAction::Restart);
            until_new_process(cluster, "lb", old).await?;
            drop(command);
        }
        ReplicaHung => signal(cluster, replica, Signal::SIGSTOP).await?,
        ReplicaKilled => cluster.execute(replica, MemberAction::Kill).await?,
        ReplicaNotReady => signal(cluster, replica, Signal::SIGTERM).await?,
        ReplicaDrained => drop(spawn(cluster, replica, MemberAction::Drain)),
        ReplicaRestarted => {
            let old = member(&cluster.status().await, replica).pid;
            let command = spawn(cluster, replica, MemberAction::Restart);
            until_new_process(cluster, replica, old).await?;
            drop(command);
        }
    }
    Ok(())
}

/// A command to a process that is down is refused.
fn ignore(_refused: anyhow::Result<()>) {}

fn spawn(
    cluster: &Arc<Cluster>,
    id: &'static str,
    command: MemberAction,
) -> tokio::task::JoinHandle<anyhow::Result<()>> {
    let cluster = Arc::clone(cluster);
    tokio::spawn(async move { cluster.execute(id, command).await })
}

async fn until_new_process(
    cluster: &Cluster,
    id: &str,
    old: Option<i32>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let now = cluster.status().await.member(id).and_then(|one| one.pid);
        if now.is_some() && now != old {
            return Ok(());
        }
        ensure!(began.elapsed() < CONVERGENCE_TIMEOUT, "{id} was not restarted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Resumes or restarts the balancer if necessary, or restarts a replica that ends.
async fn repair(cluster: &Cluster, id: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        match member(&cluster.status().await, id).state {
            ProcessState::Paused => {
                return cluster.execute(id, MemberAction::Resume).await;
            }
            ProcessState::Down => {
                return cluster.execute(id, MemberAction::Restart).await;
            }
            ProcessState::Up if id == "lb" => return Ok(()),
            _ => {}
        }
        ensure!(began.elapsed() < CONVERGENCE_TIMEOUT, "{id} cannot be repaired");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn signal(cluster: &Cluster, id: &str, signal: Signal) -> anyhow::Result<()> {
    let pid = member(&cluster.status().await, id).pid;
    Ok(kill(Pid::from_raw(pid.context("it runs")?), signal)?)
}

/// Waits until the balancer and its answers show what is expected.
async fn converge(cluster: &Cluster, expected: &Replicas) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let checked = check(cluster, expected).await;
        if checked.is_ok() || began.elapsed() > CONVERGENCE_TIMEOUT {
            return checked;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn check(cluster: &Cluster, expected: &Replicas) -> anyhow::Result<()> {
    let status =
        balancer_status(cluster).await.context("the balancer does not answer")?;
    let members = cluster.status().await;
    let mut serving = BTreeSet::new();
    for (id, wanted) in expected {
        check_replica(&member(&members, id), &status, *wanted)?;
        if *wanted == Expected::Serving {
            serving.insert((*id).to_owned());
        }
    }
    let served = served_by(cluster, 2 * serving.len()).await?;
    ensure!(served == serving, "{served:?} answered, expected {serving:?}");
    Ok(())
}

fn check_replica(
    replica: &MemberStatus,
    status: &Status,
    expected: Expected,
) -> anyhow::Result<()> {
    let seen = status.backend(&replica.id);
    let state = seen.map(|seen| seen.state);
    let fits = match expected {
        Expected::Serving => {
            state == Some(BackendState::Up)
                && seen.map(|seen| seen.address) == replica.address
        }
        Expected::Drained => state == Some(BackendState::Draining),
        Expected::Hung | Expected::Dead => {
            !matches!(state, Some(BackendState::Up | BackendState::Draining))
        }
    };
    let ended = expected != Expected::Dead || replica.state == ProcessState::Down;
    ensure!(fits && ended, "{expected:?}, but {seen:?} for {replica:?}");
    Ok(())
}

/// The replicas that answer some requests, which must all be answered.
async fn served_by(
    cluster: &Cluster,
    requests: usize,
) -> anyhow::Result<BTreeSet<String>> {
    let client = short_client(&cluster.url());
    let mut served = BTreeSet::new();
    for _ in 0..requests {
        let reply = client.send(client.request(Method::GET, paths::LIVEZ)).await?;
        ensure!(reply.status.is_success(), "{}", reply.status);
        served.insert(reply.served_by().context("the replica")?.to_owned());
    }
    Ok(served)
}
