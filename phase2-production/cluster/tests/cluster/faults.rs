//! Crashes, hangs, drains and restarts, as the launcher and the balancer see them; below,
//! as the people see them who use the servers meanwhile (`docs/failover.md` has all faults).

mod balancer;
mod database;
mod lost_answers;
mod nobody_knows;
mod redis;
mod replicas;

use crate::support::{is_alive, member, program, seen_as, start, topology, until};
use cluster::orders::Order;
use cluster::status::ProcessState;
use cluster::{Cluster, Program, ServerKind, Users};
use load_balancer::status::BackendState;
use std::path::Path;
use std::time::Duration;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

#[tokio::test]
async fn a_killed_replica_is_gone_at_once_and_a_restart_brings_it_back() {
    let cluster = start(ServerKind::Stateful, 2).await;
    let before = member(&cluster.status().await, "r1").pid.unwrap();
    cluster.order("r1", Order::Kill).await.unwrap();
    assert!(!is_alive(before));
    assert_eq!(member(&cluster.status().await, "r1").state, ProcessState::Down);
    let out = |status: &_| seen_as(status, "r1", BackendState::Down);
    until(&cluster, "the balancer notices", out).await;

    cluster.order("r1", Order::Restart).await.unwrap();
    let status = cluster.status().await;
    assert!(seen_as(&status, "r1", BackendState::Up));
    assert_ne!(member(&status, "r1").pid, Some(before));
    assert_eq!(member(&status, "r1").restarts, 1);
    cluster.down().await;
}

#[tokio::test]
async fn a_replica_killed_by_somebody_else_is_noticed() {
    let cluster = start(ServerKind::Stateful, 1).await;
    let pid = member(&cluster.status().await, "r1").pid.unwrap();
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let down = |status: &_| member(status, "r1").state == ProcessState::Down;
    until(&cluster, "the launcher notices", down).await;
    cluster.down().await;
}

#[tokio::test]
async fn a_paused_replica_is_ejected_and_let_in_again_when_it_goes_on() {
    let cluster = start(ServerKind::Stateful, 2).await;
    let pid = member(&cluster.status().await, "r2").pid;
    cluster.order("r2", Order::Pause).await.unwrap();
    let out = |status: &_| seen_as(status, "r2", BackendState::Down);
    let status = until(&cluster, "the balancer gives up on it", out).await;
    assert_eq!(member(&status, "r2").state, ProcessState::Paused);

    cluster.order("r2", Order::Resume).await.unwrap();
    let up = |status: &_| seen_as(status, "r2", BackendState::Up);
    let status = until(&cluster, "it is let in again", up).await;
    assert_eq!(member(&status, "r2").pid, pid, "it is the same process");
    cluster.down().await;
}

#[tokio::test]
async fn a_drained_replica_gets_nothing_new_and_lives_on() {
    let cluster = start(ServerKind::Stateless, 2).await;
    cluster.order("r1", Order::Drain).await.unwrap();
    for _ in 0..4 {
        let reply = reqwest::get(format!("{}/livez", cluster.url())).await.unwrap();
        assert_eq!(reply.headers()["x-served-by"], "r2");
    }
    assert_eq!(member(&cluster.status().await, "r1").state, ProcessState::Up);
    cluster.down().await;
}

#[tokio::test]
async fn a_balancer_that_was_killed_is_found_where_it_was_and_knows_everybody() {
    let cluster = start(ServerKind::Stateless, 2).await;
    let url = cluster.url();
    cluster.order("lb", Order::Kill).await.unwrap();
    assert!(reqwest::get(format!("{url}/livez")).await.is_err());
    cluster.order("lb", Order::Restart).await.unwrap();
    assert_eq!(cluster.url(), url);
    let up = |status: &_| {
        seen_as(status, "r1", BackendState::Up) && seen_as(status, "r2", BackendState::Up)
    };
    until(&cluster, "both are let in", up).await;
    assert_eq!(reqwest::get(format!("{url}/livez")).await.unwrap().status(), 200);
    cluster.down().await;
}

#[tokio::test]
async fn a_supervised_replica_comes_back_by_itself_but_not_after_an_orderly_stop() {
    let mut topology = topology(ServerKind::Stateful, 2);
    topology.supervise = true;
    let cluster = Cluster::start(topology).await.unwrap();
    cluster.order("r2", Order::Stop).await.unwrap();
    cluster.order("r1", Order::Kill).await.unwrap();
    let back = |status: &_| {
        member(status, "r1").restarts == 1 && seen_as(status, "r1", BackendState::Up)
    };
    let status = until(&cluster, "r1 is started again", back).await;
    assert_eq!(member(&status, "r2").state, ProcessState::Down);
    cluster.down().await;
}

#[tokio::test]
async fn a_supervisor_goes_on_trying_until_a_start_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users.json");
    let spoilt = folder.path().join("spoilt");
    std::fs::write(&spoilt, "{").unwrap();
    let given = [("alice", "correct-horse")];
    users_file::write(&users, &given, HashCost::Owasp).unwrap();
    let good = std::fs::read(&users).unwrap();
    let mut topology = topology(ServerKind::Stateful, 1);
    topology.supervise = true;
    topology.users = Users::File(users.clone());
    let cluster = Cluster::start(topology).await.unwrap();

    std::fs::copy(&spoilt, &users).unwrap();
    cluster.order("r1", Order::Kill).await.unwrap();
    let log = member(&cluster.status().await, "r1").log;
    let failed_twice = |_: &_| {
        let text = std::fs::read_to_string(&log).unwrap();
        text.matches("is not valid").count() >= 2
    };
    until(&cluster, "two starts fail", failed_twice).await;
    std::fs::write(&users, good).unwrap();
    let back = |status: &_| seen_as(status, "r1", BackendState::Up);
    let status = until(&cluster, "r1 is started again", back).await;
    assert_eq!(member(&status, "r1").state, ProcessState::Up);
    cluster.down().await;
}

#[tokio::test]
async fn an_orderly_stop_that_meets_a_start_is_not_undone() {
    let folder = tempfile::tempdir().unwrap();
    let door = folder.path().join("closed");
    let mut topology = topology(ServerKind::Stateful, 1);
    topology.supervise = true;
    topology.program = slow_to_start(folder.path(), &door);
    let cluster = Cluster::start(topology).await.unwrap();
    std::fs::write(&door, "").unwrap();
    let stop = async {
        let starting = |status: &_| member(status, "r1").state == ProcessState::Starting;
        until(&cluster, "the start is under way", starting).await;
        // Ordered before the door opens, so while the start is under way.
        tokio::join!(biased; cluster.order("r1", Order::Stop), async {
            std::fs::remove_file(&door).unwrap();
        })
    };
    let restart = cluster.order("r1", Order::Restart);
    tokio::pin!(restart, stop);
    // Whether the balancer still lets it in before it is gone is open.
    let (stopped, ()) = tokio::select! {
        both = &mut stop => both,
        _let_in_or_not = &mut restart => stop.await,
    };
    stopped.unwrap();
    // Longer than the supervisor's first pause and a start.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(member(&cluster.status().await, "r1").state, ProcessState::Down);
    cluster.down().await;
}

/// The program, which starts no process while there is such a file.
fn slow_to_start(folder: &Path, door: &Path) -> Program {
    let (script, role) = (folder.join("role"), program().path);
    let text = format!(
        "while [ -e '{}' ]; do sleep 0.02; done; exec '{}' \"$@\"",
        door.display(),
        role.display()
    );
    std::fs::write(&script, text).expect("a script");
    Program { path: "/bin/sh".into(), prefix: vec![script.into()] }
}

#[tokio::test]
async fn whoever_is_down_takes_no_order_but_to_start_again() {
    let cluster = start(ServerKind::Stateful, 2).await;
    for id in ["r2", "lb"] {
        cluster.order(id, Order::Kill).await.unwrap();
        for order in [Order::Kill, Order::Stop, Order::Pause, Order::Resume] {
            let refused = cluster.order(id, order).await.unwrap_err().to_string();
            assert_eq!(refused, format!("{id} is down: cargo lab restart {id}"));
        }
        cluster.order(id, Order::Restart).await.unwrap();
    }
    cluster.order("r1", Order::Kill).await.unwrap();
    for order in [Order::Drain, Order::Undrain] {
        // At once: the balancer has not noticed yet.
        let refused = cluster.order("r1", order).await.unwrap_err().to_string();
        assert_eq!(refused, "r1 is down: cargo lab restart r1");
    }
    cluster.down().await;
}

#[tokio::test]
async fn a_member_that_does_not_exist_is_refused_with_the_names_of_those_that_do() {
    let cluster = start(ServerKind::Stateful, 1).await;
    let error = cluster.order("r7", Order::Kill).await.unwrap_err().to_string();
    assert!(error.contains("there are lb, r1"), "{error}");
    assert!(cluster.order("lb", Order::Drain).await.is_err());
    cluster.down().await;
}
