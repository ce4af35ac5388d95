//! Crashes, hangs, drains and restarts, as the launcher and the balancer see them.

use crate::support::{is_alive, member, seen_as, start, topology, until};
use cluster::orders::Order;
use cluster::status::ProcessState;
use cluster::{Cluster, Design};
use load_balancer::status::BackendState;

#[tokio::test]
async fn a_killed_replica_is_gone_at_once_and_a_restart_brings_it_back() {
    let cluster = start(Design::Stateful, 2).await;
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
    let cluster = start(Design::Stateful, 1).await;
    let pid = member(&cluster.status().await, "r1").pid.unwrap();
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let down = |status: &_| member(status, "r1").state == ProcessState::Down;
    until(&cluster, "the launcher notices", down).await;
    cluster.down().await;
}

#[tokio::test]
async fn a_paused_replica_is_ejected_and_let_in_again_when_it_goes_on() {
    let cluster = start(Design::Stateful, 2).await;
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
    let cluster = start(Design::Stateless, 2).await;
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
    let cluster = start(Design::Stateless, 2).await;
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
    let mut topology = topology(Design::Stateful, 2);
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
async fn a_member_that_does_not_exist_is_refused_with_the_names_of_those_that_do() {
    let cluster = start(Design::Stateful, 1).await;
    let error = cluster.order("r7", Order::Kill).await.unwrap_err().to_string();
    assert!(error.contains("there are lb, r1"), "{error}");
    assert!(cluster.order("lb", Order::Drain).await.is_err());
    cluster.down().await;
}
