//! Health checks: only backends that passed get requests.

use crate::any_balancer::{AnyBalancer, Kind, ROUND_ROBIN};
use crate::fixture::{ONE_CHECK, TestBalancer};
use crate::replica::Replica;
use crate::scripted::Scripted;
use api_contract::problem::Problem;
use load_balancer::status::BackendState;

either!(
    dead_backend_is_ejected_and_readmitted_after_restart,
    not_ready_backend_gets_no_requests_until_ready,
);

#[tokio::test]
async fn backend_gets_no_requests_before_first_passed_check() {
    let replica = Replica::start("r1").await;
    replica.answer_readyz_with(404);
    let balancer = TestBalancer::start_empty(&["--check-fall", "1000"]).await;
    balancer.handle.put_backend("r1", replica.address);
    let reply = balancer.client.get(balancer.url("/")).send().await.unwrap();
    assert_eq!(reply.status(), 503);
    assert_eq!(reply.headers()["retry-after"], "1");
    assert_eq!(reply.headers()["x-served-by"], "lb");
    let id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem: Problem = reply.json().await.unwrap();
    assert_eq!((problem.slug(), &problem.instance), ("no-replica", &id));
    assert_eq!(balancer.status("r1").state, BackendState::Starting);

    replica.answer_readyz_with(200);
    balancer.until("r1", BackendState::Up).await;
    assert_eq!(balancer.serving_replica().await, "r1");
}

async fn dead_backend_is_ejected_and_readmitted_after_restart(kind: Kind) {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
    let address = one.kill().await;
    balancer.until_not_up("r1").await;
    for _ in 0..4 {
        assert_eq!(balancer.serving_replica().await, "r2");
    }
    let _one = Replica::start_at("r1", address).await;
    balancer.until_up("r1").await;
    assert_ne!(balancer.serving_replica().await, balancer.serving_replica().await);
}

async fn not_ready_backend_gets_no_requests_until_ready(kind: Kind) {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
    one.answer_readyz_with(503);
    balancer.until_not_up("r1").await;
    assert_eq!(
        [balancer.serving_replica().await, balancer.serving_replica().await],
        ["r2", "r2"]
    );
    one.answer_readyz_with(200);
    balancer.until_up("r1").await;
    assert_ne!(balancer.serving_replica().await, balancer.serving_replica().await);
}

#[tokio::test]
async fn refused_connections_eject_backend_between_checks() {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let balancer = TestBalancer::start(&ONE_CHECK, &backends).await;
    one.kill().await;
    for _ in 0..4 {
        assert_eq!(balancer.serving_replica().await, "r2");
    }
    assert_eq!(balancer.status("r1").state, BackendState::Down);
    assert_eq!(balancer.status("r1").failures, 2, "one for each step of --check-fall");
}

#[tokio::test]
async fn not_ready_backend_is_shown_as_draining() {
    let one = Replica::start("r1").await;
    let balancer = TestBalancer::start(&[], &[("r1", one.address)]).await;
    one.answer_readyz_with(503);
    balancer.until("r1", BackendState::Draining).await;
}

#[tokio::test]
async fn hanging_backend_is_ejected_by_check_timeout() {
    let (hangs, stays) = (Scripted::well_behaved().await, Replica::start("r2").await);
    let flags = ["--check-timeout-ms", "100"];
    let backends = [("r1", hangs.address), ("r2", stays.address)];
    let balancer = TestBalancer::start(&flags, &backends).await;
    hangs.hang();
    balancer.until("r1", BackendState::Down).await;
    assert_eq!(balancer.status("r2").state, BackendState::Up);
}

#[tokio::test]
async fn request_waits_for_first_check_of_started_balancer() {
    let replica = Replica::start("r1").await;
    let balancer = TestBalancer::start_empty(&[]).await;
    let request = tokio::spawn(balancer.client.get(balancer.url("/name")).send());
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    balancer.handle.put_backend("r1", replica.address);
    assert_eq!(request.await.unwrap().unwrap().status(), 200);
}
