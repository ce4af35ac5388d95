//! Crashes, hangs, drains and restarts: their effect on the launcher and the balancer here, and
//! on clients in the modules below (`docs/failover.md` lists all faults).

mod balancer;
mod database;
mod lost_responses;
mod redis;
mod replicas;
mod stores_unavailable;

use crate::support::{is_alive, member, program, seen_as, start, topology, until};
use launcher::commands::MemberAction;
use launcher::status::ProcessState;
use launcher::{Cluster, Program, ServerKind, Users};
use load_balancer::status::BackendState;
use std::path::Path;
use std::time::Duration;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

#[tokio::test]
async fn killed_replica_ends_at_once_and_restarts() {
    let cluster = start(ServerKind::Stateful, 2).await;
    let before = member(&cluster.status().await, "r1").pid.unwrap();
    cluster.execute("r1", MemberAction::Kill).await.unwrap();
    assert!(!is_alive(before));
    assert_eq!(member(&cluster.status().await, "r1").state, ProcessState::Down);
    let ejected = |status: &_| seen_as(status, "r1", BackendState::Down);
    until(&cluster, "the balancer detects it", ejected).await;

    cluster.execute("r1", MemberAction::Restart).await.unwrap();
    let status = cluster.status().await;
    assert!(seen_as(&status, "r1", BackendState::Up));
    assert_ne!(member(&status, "r1").pid, Some(before));
    assert_eq!(member(&status, "r1").restarts, 1);
    cluster.down().await;
}

#[tokio::test]
async fn replica_killed_from_outside_is_detected() {
    let cluster = start(ServerKind::Stateful, 1).await;
    let pid = member(&cluster.status().await, "r1").pid.unwrap();
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let down = |status: &_| member(status, "r1").state == ProcessState::Down;
    until(&cluster, "the launcher detects it", down).await;
    cluster.down().await;
}

#[tokio::test]
async fn paused_replica_is_ejected_and_readmitted_after_resume() {
    let cluster = start(ServerKind::Stateful, 2).await;
    let pid = member(&cluster.status().await, "r2").pid;
    cluster.execute("r2", MemberAction::Pause).await.unwrap();
    let ejected = |status: &_| seen_as(status, "r2", BackendState::Down);
    let status = until(&cluster, "the balancer ejects it", ejected).await;
    assert_eq!(member(&status, "r2").state, ProcessState::Paused);

    cluster.execute("r2", MemberAction::Resume).await.unwrap();
    let up = |status: &_| seen_as(status, "r2", BackendState::Up);
    let status = until(&cluster, "it is up again", up).await;
    assert_eq!(member(&status, "r2").pid, pid, "the same process");
    cluster.down().await;
}

#[tokio::test]
async fn drained_replica_gets_no_requests_and_keeps_running() {
    let cluster = start(ServerKind::Stateless, 2).await;
    cluster.execute("r1", MemberAction::Drain).await.unwrap();
    for _ in 0..4 {
        let reply = reqwest::get(format!("{}/livez", cluster.url())).await.unwrap();
        assert_eq!(reply.headers()["x-served-by"], "r2");
    }
    assert_eq!(member(&cluster.status().await, "r1").state, ProcessState::Up);
    cluster.down().await;
}

#[tokio::test]
async fn restarted_balancer_keeps_its_address_and_all_replicas() {
    let cluster = start(ServerKind::Stateless, 2).await;
    let url = cluster.url();
    cluster.execute("lb", MemberAction::Kill).await.unwrap();
    cluster.execute("lb", MemberAction::Restart).await.unwrap();
    assert_eq!(cluster.url(), url);
    let up = |status: &_| {
        seen_as(status, "r1", BackendState::Up) && seen_as(status, "r2", BackendState::Up)
    };
    until(&cluster, "both replicas are up", up).await;
    assert_eq!(reqwest::get(format!("{url}/livez")).await.unwrap().status(), 200);
    cluster.down().await;
}

#[tokio::test]
async fn supervisor_restarts_killed_but_not_stopped_replicas() {
    let mut topology = topology(ServerKind::Stateful, 2);
    topology.supervise = true;
    let cluster = Cluster::start(topology).await.unwrap();
    cluster.execute("r2", MemberAction::Stop).await.unwrap();
    cluster.execute("r1", MemberAction::Kill).await.unwrap();
    let back = |status: &_| {
        member(status, "r1").restarts == 1 && seen_as(status, "r1", BackendState::Up)
    };
    let status = until(&cluster, "r1 is restarted", back).await;
    assert_eq!(member(&status, "r2").state, ProcessState::Down);
    cluster.down().await;
}

#[tokio::test]
async fn supervisor_retries_until_a_start_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users.json");
    let invalid = folder.path().join("invalid");
    std::fs::write(&invalid, "{").unwrap();
    let given = [("alice", "correct-horse")];
    users_file::write(&users, &given, HashCost::Owasp).unwrap();
    let good = std::fs::read(&users).unwrap();
    let mut topology = topology(ServerKind::Stateful, 1);
    topology.supervise = true;
    topology.users = Users::File(users.clone());
    let cluster = Cluster::start(topology).await.unwrap();

    std::fs::copy(&invalid, &users).unwrap();
    cluster.execute("r1", MemberAction::Kill).await.unwrap();
    let log = member(&cluster.status().await, "r1").log;
    let failed_twice = |_: &_| {
        let text = std::fs::read_to_string(&log).unwrap();
        text.matches("is not valid").count() >= 2
    };
    until(&cluster, "two starts fail", failed_twice).await;
    std::fs::write(&users, good).unwrap();
    let back = |status: &_| seen_as(status, "r1", BackendState::Up);
    let status = until(&cluster, "r1 is restarted", back).await;
    assert_eq!(member(&status, "r1").state, ProcessState::Up);
    cluster.down().await;
}

#[tokio::test]
async fn stop_during_a_start_is_not_undone() {
    let folder = tempfile::tempdir().unwrap();
    let barrier = folder.path().join("barrier");
    let mut topology = topology(ServerKind::Stateful, 1);
    topology.supervise = true;
    topology.program = slow_to_start(folder.path(), &barrier);
    let cluster = Cluster::start(topology).await.unwrap();
    std::fs::write(&barrier, "").unwrap();
    let stop = async {
        let starting = |status: &_| member(status, "r1").state == ProcessState::Starting;
        until(&cluster, "r1 is starting", starting).await;
        // Sent before the barrier is removed, so during the start.
        tokio::join!(biased; cluster.execute("r1", MemberAction::Stop), async {
            std::fs::remove_file(&barrier).unwrap();
        })
    };
    let restart = cluster.execute("r1", MemberAction::Restart);
    tokio::pin!(restart, stop);
    // The balancer may or may not report the replica as up before it ends.
    let (stopped, ()) = tokio::select! {
        both = &mut stop => both,
        _up_or_error = &mut restart => stop.await,
    };
    stopped.unwrap();
    // Longer than the supervisor's first backoff and a start.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(member(&cluster.status().await, "r1").state, ProcessState::Down);
    cluster.down().await;
}

/// The program, which waits with its start until the file `barrier` is removed.
fn slow_to_start(folder: &Path, barrier: &Path) -> Program {
    let (script, role) = (folder.join("role"), program().path);
    let text = format!(
        "while [ -e '{}' ]; do sleep 0.02; done; exec '{}' \"$@\"",
        barrier.display(),
        role.display()
    );
    std::fs::write(&script, text).expect("a script");
    Program { path: "/bin/sh".into(), prefix: vec![script.into()] }
}

#[tokio::test]
async fn member_that_is_down_accepts_only_restart() {
    let cluster = start(ServerKind::Stateful, 2).await;
    for id in ["r2", "lb"] {
        cluster.execute(id, MemberAction::Kill).await.unwrap();
        for order in [
            MemberAction::Kill,
            MemberAction::Stop,
            MemberAction::Pause,
            MemberAction::Resume,
        ] {
            let refused = cluster.execute(id, order).await.unwrap_err().to_string();
            assert_eq!(refused, format!("{id} is down: cargo lab restart {id}"));
        }
        cluster.execute(id, MemberAction::Restart).await.unwrap();
    }
    cluster.execute("r1", MemberAction::Kill).await.unwrap();
    for order in [MemberAction::Drain, MemberAction::Undrain] {
        // Immediately, before the balancer has detected it.
        let refused = cluster.execute("r1", order).await.unwrap_err().to_string();
        assert_eq!(refused, "r1 is down: cargo lab restart r1");
    }
    cluster.down().await;
}

#[tokio::test]
async fn unknown_member_is_refused_with_the_known_ids() {
    let cluster = start(ServerKind::Stateful, 1).await;
    let error = cluster.execute("r7", MemberAction::Kill).await.unwrap_err().to_string();
    assert!(error.contains("there are lb, r1"), "{error}");
    assert!(cluster.execute("lb", MemberAction::Drain).await.is_err());
    cluster.down().await;
}
