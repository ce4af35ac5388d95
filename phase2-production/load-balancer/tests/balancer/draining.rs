//! What is under way is finished: by a backend that leaves, and by the balancer.

use crate::replica::Replica;
use crate::rig::{Rig, until};
use crate::scripted::{OK, Scripted};
use load_balancer::status::BackendState;
use reqwest::{Response, StatusCode};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A backend that answers when told to, and a request that waits for it.
async fn slow_request(
    flags: &[&str],
) -> (Rig, Scripted, Arc<Notify>, JoinHandle<reqwest::Result<Response>>) {
    let go = Arc::new(Notify::new());
    let told = Arc::clone(&go);
    let slow = Scripted::start(move |mut wire, _| {
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            wire.send(OK).await;
        }
    })
    .await;
    let rig = Rig::start(flags, &[("slow", slow.address)]).await;
    let request = tokio::spawn(rig.client.get(rig.url("/slow")).send());
    until("the request has arrived", || slow.requests() == 1).await;
    assert_eq!(rig.status("slow").in_flight, 1);
    (rig, slow, go, request)
}

#[tokio::test]
async fn a_drained_backend_finishes_what_it_has_and_gets_nothing_new() {
    let (rig, slow, go, request) = slow_request(&[]).await;
    let other = Replica::start("other").await;
    rig.balancer.put_backend("other", other.address);
    rig.until("other", BackendState::Up).await;
    let status = rig.balancer.drain_backend("slow").unwrap();
    assert_eq!((status.state, status.in_flight), (BackendState::Draining, 1));
    assert_eq!([rig.who().await, rig.who().await], ["other", "other"]);
    go.notify_one();
    assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::OK);
    until("nothing is in flight", || rig.status("slow").in_flight == 0).await;
    assert_eq!(slow.requests(), 1);

    let status = rig.balancer.undrain_backend("slow").unwrap();
    assert_eq!(status.state, BackendState::Up);
}

#[tokio::test]
async fn a_removed_backend_finishes_what_it_has() {
    let (rig, _slow, go, request) = slow_request(&[]).await;
    assert!(rig.balancer.remove_backend("slow"));
    assert!(!rig.balancer.remove_backend("slow"));
    assert!(rig.balancer.status().backends.is_empty());
    go.notify_one();
    assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_balancer_told_to_stop_cuts_at_the_deadline_what_does_not_finish() {
    let (rig, _slow, _never, request) =
        slow_request(&["--drain-deadline-ms", "200"]).await;
    rig.tell_to_stop();
    rig.stopped().await;
    request.await.unwrap().unwrap_err();
}
