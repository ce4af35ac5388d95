//! No request is sent twice; a request that was not sent goes to another backend.

use crate::any_balancer::{AnyBalancer, Kind, ROUND_ROBIN};
use crate::fixture::{ONE_CHECK, TestBalancer, until};
use crate::replica::Replica;
use crate::scripted::{OK, Scripted};
use crate::wire::Wire;
use api_contract::problem::Problem;
use load_balancer::status::BackendState;
use reqwest::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

either!(
    refused_request_goes_to_other_backend_with_every_method,
    request_refused_by_all_backends_returns_503,
    sent_request_is_never_repeated_with_any_method,
);

const METHODS: [Method; 5] =
    [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH];

/// With its body intact.
async fn refused_request_goes_to_other_backend_with_every_method(kind: Kind) {
    let body = "x".repeat(300_000);
    for method in &METHODS {
        let (dead, alive) = (Replica::start("dead").await, Replica::start("alive").await);
        let backends = [("dead", dead.address), ("alive", alive.address)];
        let balancer = AnyBalancer::start_without_ejection(kind, &backends).await;
        dead.kill().await;
        for _ in 0..2 {
            let request = balancer.client.request(method.clone(), balancer.url("/act"));
            let reply = request.body(body.clone()).send().await.unwrap();
            assert_eq!(reply.status(), 200, "{method}");
            assert!(reply.text().await.unwrap() == body, "{method}");
        }
        assert_eq!(alive.received().len(), 2, "{method}");
        assert!(balancer.refusals("dead").await > 0, "{method}: it was tried");
    }
}

async fn request_refused_by_all_backends_returns_503(kind: Kind) {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
    one.kill().await;
    two.kill().await;
    for _ in 0..3 {
        let reply =
            balancer.client.post(balancer.url("/act")).body("x").send().await.unwrap();
        assert_eq!(reply.status(), 503);
        assert_eq!(reply.headers()["retry-after"], "1");
        assert_eq!(reply.headers()["content-type"], "application/problem+json");
        let id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
        let problem: Problem = reply.json().await.unwrap();
        assert_eq!((problem.slug(), &problem.instance), ("no-replica", &id));
    }
}

#[tokio::test]
async fn each_backend_is_tried_at_most_once() {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let balancer = TestBalancer::start(&ONE_CHECK, &backends).await;
    one.kill().await;
    two.kill().await;
    let reply =
        balancer.client.post(balancer.url("/act")).body("x").send().await.unwrap();
    assert_eq!(reply.status(), 503);
    assert_eq!((balancer.status("r1").failures, balancer.status("r2").failures), (1, 1));
}

/// Each on its own connection: for a later request on a connection, HAProxy sends no 502 but
/// closes it, so that a browser treats it as a stale connection.
async fn sent_request_is_never_repeated_with_any_method(kind: Kind) {
    let breaks_off = || {
        Scripted::start(|mut wire, _| async move {
            wire.read_body().await;
        })
    };
    let (one, two) = (breaks_off().await, breaks_off().await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
    for (done, method) in METHODS.iter().enumerate() {
        let request = balancer.client.request(method.clone(), balancer.url("/act"));
        let request = request.header("connection", "close").body("all of it");
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), 502, "{method}");
        assert_eq!(reply.json::<Problem>().await.unwrap().slug(), "replica-failed");
        assert_eq!(one.requests() + two.requests(), done + 1, "{method}");
    }
}

#[tokio::test]
async fn sent_request_on_pooled_connection_is_never_repeated() {
    let backend = Scripted::start(|mut wire, counter| async move {
        wire.read_body().await;
        wire.send(OK).await;
        counter.read_head(&mut wire).await;
    })
    .await;
    let other = Replica::start("other").await;
    let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
    assert_eq!(
        balancer.client.get(balancer.url("/1")).send().await.unwrap().status(),
        200
    );
    balancer.handle.put_backend("r2", other.address);
    balancer.until("r2", BackendState::Up).await;
    balancer.handle.drain_backend("r2");
    assert_eq!(
        balancer.client.get(balancer.url("/2")).send().await.unwrap().status(),
        502
    );
    assert_eq!((backend.requests(), other.received().len()), (2, 0));
}

/// The backend closes while the balancer takes the connection from the pool: neither an
/// error nor a second request may follow.
#[tokio::test]
async fn closed_pooled_connection_causes_no_error_and_no_repeat() {
    const ROUNDS: usize = 200;
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let backend = Scripted::start(move |mut wire, _| {
        let keep = keep.clone();
        async move {
            wire.read_body().await;
            wire.send(OK).await;
            keep.send(wire).unwrap();
        }
    })
    .await;
    let balancer = TestBalancer::start(&ONE_CHECK, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    for round in 1..=ROUNDS {
        client.send_head(&["POST /act HTTP/1.1", "Host: x", "Content-Length: 4"]).await;
        client.send(b"once").await;
        if round > 1 {
            drop(kept.recv().await);
        }
        assert!(client.read_head().await);
        assert_eq!(client.first_line(), "HTTP/1.1 200 OK", "round {round}");
        until("the connection is idle", || balancer.status("r1").in_flight == 0).await;
    }
    assert_eq!(backend.requests(), ROUNDS);
    assert_eq!(balancer.status("r1").failures, 0);
}

#[tokio::test]
async fn connection_is_reused() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let backend = Scripted::start(move |mut wire, counter| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            wire.send(OK).await;
            while counter.read_head(&mut wire).await {
                wire.send(OK).await;
            }
        }
    })
    .await;
    let balancer = TestBalancer::start(&ONE_CHECK, &[("r1", backend.address)]).await;
    for _ in 0..20 {
        balancer.serving_replica().await;
    }
    assert_eq!((connections.load(Ordering::Relaxed), backend.requests()), (1, 20));
}

#[tokio::test]
async fn hung_backend_returns_504_without_retry() {
    let hung = Scripted::start(|mut wire, _| async move {
        wire.read_body().await;
        std::future::pending::<()>().await;
    })
    .await;
    let other = Replica::start("other").await;
    let flags = ["--head-timeout-ms", "300", "--policy", "sticky"];
    let backends = [("hung", hung.address), ("other", other.address)];
    let balancer = TestBalancer::start(&flags, &backends).await;
    let started = Instant::now();
    let request =
        balancer.client.post(balancer.url("/act")).header("cookie", "lab_replica=hung");
    let reply = request.body("once").send().await.unwrap();
    assert_eq!(reply.status(), 504);
    assert_eq!(reply.json::<Problem>().await.unwrap().slug(), "replica-timeout");
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_millis(300) && elapsed < Duration::from_secs(3));
    assert_eq!((hung.requests(), other.received().len()), (1, 0));
    assert_eq!(balancer.status("hung").failures, 1);
}
