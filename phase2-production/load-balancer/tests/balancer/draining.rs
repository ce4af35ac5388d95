//! Requests in flight are finished, by a draining backend and by a draining balancer.

use crate::fixture::{TestBalancer, until};
use crate::replica::Replica;
use crate::scripted::{OK, Scripted};
use load_balancer::status::BackendState;
use reqwest::{Response, StatusCode};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A backend that answers when it is notified, and a request that waits for it.
async fn slow_request(
    flags: &[&str],
) -> (TestBalancer, Scripted, Arc<Notify>, JoinHandle<reqwest::Result<Response>>) {
    let go = Arc::new(Notify::new());
    let notified = Arc::clone(&go);
    let slow = Scripted::start(move |mut wire, _| {
        let notified = Arc::clone(&notified);
        async move {
            notified.notified().await;
            wire.send(OK).await;
        }
    })
    .await;
    let balancer = TestBalancer::start(flags, &[("slow", slow.address)]).await;
    let request = tokio::spawn(balancer.client.get(balancer.url("/slow")).send());
    until("the request has arrived", || slow.requests() == 1).await;
    assert_eq!(balancer.status("slow").in_flight, 1);
    (balancer, slow, go, request)
}

#[tokio::test]
async fn drained_backend_finishes_requests_and_gets_no_new_ones() {
    let (balancer, slow, go, request) = slow_request(&[]).await;
    let other = Replica::start("other").await;
    balancer.handle.put_backend("other", other.address);
    balancer.until("other", BackendState::Up).await;
    let status = balancer.handle.drain_backend("slow").unwrap();
    assert_eq!((status.state, status.in_flight), (BackendState::Draining, 1));
    assert_eq!(
        [balancer.serving_replica().await, balancer.serving_replica().await],
        ["other", "other"]
    );
    go.notify_one();
    assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::OK);
    until("nothing is in flight", || balancer.status("slow").in_flight == 0).await;
    assert_eq!(slow.requests(), 1);

    let status = balancer.handle.undrain_backend("slow").unwrap();
    assert_eq!(status.state, BackendState::Up);
}

#[tokio::test]
async fn drain_of_not_ready_backend_is_shown_and_stays() {
    let replica = Replica::start("r1").await;
    let balancer = TestBalancer::start(&[], &[("r1", replica.address)]).await;
    replica.answer_readyz_with(503);
    balancer.until("r1", BackendState::Draining).await;
    assert!(!balancer.status("r1").drained, "no command has drained it");
    assert!(balancer.handle.drain_backend("r1").unwrap().drained);
    replica.answer_readyz_with(200);
    let checks = replica.checks();
    until("several checks have passed", || replica.checks() > checks + 5).await;
    let status = balancer.status("r1");
    assert_eq!((status.state, status.drained), (BackendState::Draining, true));
    assert!(!balancer.handle.undrain_backend("r1").unwrap().drained);
    balancer.until("r1", BackendState::Up).await;
}

#[tokio::test]
async fn removed_backend_finishes_its_requests() {
    let (balancer, _slow, go, request) = slow_request(&[]).await;
    assert!(balancer.handle.remove_backend("slow"));
    assert!(!balancer.handle.remove_backend("slow"));
    assert!(balancer.handle.status().backends.is_empty());
    go.notify_one();
    assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn stopping_balancer_aborts_requests_at_drain_deadline() {
    let (balancer, _slow, _never, request) =
        slow_request(&["--drain-deadline-ms", "200"]).await;
    balancer.signal_stop();
    balancer.stopped().await;
    request.await.unwrap().unwrap_err();
}
