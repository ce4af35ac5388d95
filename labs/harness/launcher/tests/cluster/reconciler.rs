//! The balancer learns the members of the cluster again after every fault: a process that hangs,
//! dies or restarts does not keep another one out, and an order that got no answer is repeated.

mod orders_of_two;

use crate::support::{WAIT_TIMEOUT, member, seen_as, start, topology, until};
use client::{Client, Options};
use launcher::commands::MemberAction;
use launcher::status::ProcessState;
use launcher::{BalancerTimeout, Cluster, ServerKind};
use load_balancer::status::{BackendState, Status};
use std::time::{Duration, Instant};

/// Longer than the launcher waits for the balancer's answer to one command.
const LONG_HANG: Duration = Duration::from_millis(16_500);

/// A client that does not wait for a hanging process.
pub(crate) fn short_client(base_url: &str) -> Client {
    let timeout = Duration::from_secs(2);
    Client::with(base_url, Options { timeout, ..Options::default() })
}

/// The status by the balancer itself, with backends that the launcher does not know.
pub(crate) async fn balancer_status(cluster: &Cluster) -> Option<Status> {
    let token = std::fs::read_to_string(cluster.run_dir().join("balancer.token")).ok()?;
    let admin = member(&cluster.status().await, "lb").admin?;
    let client = short_client(&format!("http://{admin}"));
    let call = client.request(http::Method::GET, "/status").bearer_auth(token.trim());
    client.json(call).await.done().ok().map(|reply| reply.body)
}

#[tokio::test]
async fn supervised_replica_that_returns_during_a_hang_becomes_known() {
    let mut topology = topology(ServerKind::Stateless, 2);
    topology.supervise = true;
    let cluster = Cluster::start(topology).await.unwrap();
    cluster.execute("lb", MemberAction::Pause).await.unwrap();
    cluster.execute("r1", MemberAction::Kill).await.unwrap();
    let back = |status: &_| member(status, "r1").restarts == 1;
    until(&cluster, "r1 is restarted", back).await;
    tokio::time::sleep(LONG_HANG).await;
    cluster.execute("lb", MemberAction::Resume).await.unwrap();
    let up = |status: &_| {
        let replica = member(status, "r1");
        let seen = replica.balancer.as_ref();
        seen.is_some_and(|seen| {
            seen.state == BackendState::Up && Some(seen.address) == replica.address
        })
    };
    until(&cluster, "the balancer knows the new r1", up).await;
    cluster.down().await;
}

#[tokio::test]
async fn add_that_fails_late_leaves_no_process_and_no_backend() {
    let cluster = start(ServerKind::Stateless, 1).await;
    cluster.execute("lb", MemberAction::Pause).await.unwrap();
    let error = cluster.add().await.unwrap_err();
    // The users of the launcher count it as inconclusive.
    assert!(error.is::<BalancerTimeout>(), "{error:#}");
    let error = format!("{error:#}");
    assert!(!error.contains("http://"), "{error}");
    assert!(error.contains("r2 was stopped and removed again"), "{error}");
    assert_eq!(cluster.replica_ids(), ["r1"]);
    cluster.execute("lb", MemberAction::Resume).await.unwrap();
    let deadline = Instant::now() + WAIT_TIMEOUT;
    loop {
        let known = balancer_status(&cluster).await;
        let ids = known.map(|status| {
            status.backends.into_iter().map(|one| one.id).collect::<Vec<_>>()
        });
        if ids.as_deref() == Some(&["r1".to_owned()]) {
            break;
        }
        assert!(Instant::now() < deadline, "the balancer keeps {ids:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cluster.down().await;
}

#[tokio::test]
async fn drain_survives_restarts_of_the_balancer() {
    let cluster = start(ServerKind::Stateless, 2).await;
    cluster.execute("r1", MemberAction::Drain).await.unwrap();
    cluster.execute("lb", MemberAction::Restart).await.unwrap();
    let drained = |status: &_| {
        seen_as(status, "r1", BackendState::Draining)
            && seen_as(status, "r2", BackendState::Up)
    };
    until(&cluster, "r1 is drained by the new balancer, too", drained).await;
    for _ in 0..4 {
        let reply = reqwest::get(format!("{}/livez", cluster.url())).await.unwrap();
        assert_eq!(reply.headers()["x-served-by"], "r2");
    }
    cluster.execute("r1", MemberAction::Undrain).await.unwrap();
    assert!(seen_as(&cluster.status().await, "r1", BackendState::Up));
    cluster.down().await;
}

#[tokio::test]
async fn drain_during_a_hang_is_carried_out_afterwards() {
    let cluster = start(ServerKind::Stateless, 2).await;
    cluster.execute("lb", MemberAction::Pause).await.unwrap();
    let refused = cluster.execute("r1", MemberAction::Drain).await.unwrap_err();
    let refused = format!("{refused:#}");
    assert!(
        refused.contains("r1 is drained as soon as the balancer answers"),
        "{refused}"
    );
    assert!(refused.contains("did not answer"), "{refused}");
    cluster.execute("lb", MemberAction::Resume).await.unwrap();
    let drained = |status: &_| seen_as(status, "r1", BackendState::Draining);
    until(&cluster, "the drain is repeated", drained).await;
    cluster.down().await;
}

/// A backend that was added or removed at the balancer by another program.
#[tokio::test]
async fn lost_and_foreign_backends_are_repaired() {
    let cluster = start(ServerKind::Stateless, 2).await;
    let token =
        std::fs::read_to_string(cluster.run_dir().join("balancer.token")).unwrap();
    let admin = member(&cluster.status().await, "lb").admin.unwrap();
    let http = reqwest::Client::new();
    let call = |method, path: &str| {
        http.request(method, format!("http://{admin}/backends/{path}"))
            .bearer_auth(token.trim())
    };
    let removed = call(reqwest::Method::DELETE, "r1").send().await.unwrap();
    assert_eq!(removed.status(), 204);
    let drained = call(reqwest::Method::POST, "r2/drain").send().await.unwrap();
    assert_eq!(drained.status(), 200);
    let address = member(&cluster.status().await, "r2").address.unwrap();
    let foreign = serde_json::json!({ "address": address });
    let added = call(reqwest::Method::PUT, "r9").json(&foreign).send().await.unwrap();
    assert_eq!(added.status(), 200);
    let up = |status: &_| {
        seen_as(status, "r1", BackendState::Up) && seen_as(status, "r2", BackendState::Up)
    };
    until(&cluster, "both replicas are up again", up).await;
    let known = balancer_status(&cluster).await.unwrap();
    assert!(known.backend("r9").is_none(), "{known:?}");
    assert_eq!(member(&cluster.status().await, "r1").state, ProcessState::Up);
    cluster.down().await;
}
