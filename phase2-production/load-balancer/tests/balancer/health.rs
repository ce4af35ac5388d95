//! Who gets requests: only who was seen to be well.

use crate::front::{Front, Kind, ROUND_ROBIN};
use crate::replica::Replica;
use crate::rig::{ONE_CHECK, Rig};
use crate::scripted::Scripted;
use api_contract::problem::Problem;
use load_balancer::status::BackendState;

either!(
    a_dead_backend_is_ejected_and_admitted_again_when_it_is_back,
    a_backend_that_says_not_ready_gets_nothing_new_until_it_is_ready_again,
);

#[tokio::test]
async fn a_backend_gets_nothing_before_its_first_check_has_passed() {
    let replica = Replica::start("r1").await;
    replica.answer_readyz_with(404);
    let rig = Rig::start_empty(&["--check-fall", "1000"]).await;
    rig.balancer.put_backend("r1", replica.address);
    let reply = rig.client.get(rig.url("/")).send().await.unwrap();
    assert_eq!(reply.status(), 503);
    assert_eq!(reply.headers()["retry-after"], "1");
    assert_eq!(reply.headers()["x-served-by"], "lb");
    let id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem: Problem = reply.json().await.unwrap();
    assert_eq!((problem.slug(), &problem.instance), ("no-replica", &id));
    assert_eq!(rig.status("r1").state, BackendState::Starting);

    replica.answer_readyz_with(200);
    rig.until("r1", BackendState::Up).await;
    assert_eq!(rig.who().await, "r1");
}

async fn a_dead_backend_is_ejected_and_admitted_again_when_it_is_back(kind: Kind) {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let front = Front::start(kind, ROUND_ROBIN, &backends).await;
    let address = one.die().await;
    front.until_out("r1").await;
    for _ in 0..4 {
        assert_eq!(front.who().await, "r2");
    }
    let _one = Replica::start_at("r1", address).await;
    front.until_in("r1").await;
    assert_ne!(front.who().await, front.who().await);
}

async fn a_backend_that_says_not_ready_gets_nothing_new_until_it_is_ready_again(
    kind: Kind,
) {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let front = Front::start(kind, ROUND_ROBIN, &backends).await;
    one.answer_readyz_with(503);
    front.until_out("r1").await;
    assert_eq!([front.who().await, front.who().await], ["r2", "r2"]);
    one.answer_readyz_with(200);
    front.until_in("r1").await;
    assert_ne!(front.who().await, front.who().await);
}

#[tokio::test]
async fn refused_connections_eject_without_waiting_for_a_check() {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let rig = Rig::start(&ONE_CHECK, &backends).await;
    one.die().await;
    for _ in 0..4 {
        assert_eq!(rig.who().await, "r2");
    }
    assert_eq!(rig.status("r1").state, BackendState::Down);
    assert_eq!(rig.status("r1").failures, 2, "one for each step of --check-fall");
}

#[tokio::test]
async fn a_backend_that_says_not_ready_is_called_draining_and_not_down() {
    let one = Replica::start("r1").await;
    let rig = Rig::start(&[], &[("r1", one.address)]).await;
    one.answer_readyz_with(503);
    rig.until("r1", BackendState::Draining).await;
}

#[tokio::test]
async fn a_backend_that_hangs_is_ejected_by_the_checks_own_timeout() {
    let (hangs, stays) = (Scripted::obedient().await, Replica::start("r2").await);
    let flags = ["--check-timeout-ms", "100"];
    let backends = [("r1", hangs.address), ("r2", stays.address)];
    let rig = Rig::start(&flags, &backends).await;
    hangs.hang();
    rig.until("r1", BackendState::Down).await;
    assert_eq!(rig.status("r2").state, BackendState::Up);
}
