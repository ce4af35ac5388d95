//! Nothing is sent twice; what was not sent may be tried elsewhere.

use crate::front::{Front, Kind, ROUND_ROBIN};
use crate::replica::Replica;
use crate::rig::{ONE_CHECK, Rig, until};
use crate::scripted::{OK, Scripted};
use crate::wire::Wire;
use api_contract::problem::Problem;
use load_balancer::status::BackendState;
use reqwest::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

either!(
    a_refused_connection_is_tried_elsewhere_for_every_method_with_the_body_intact,
    when_all_refuse_nothing_was_sent_and_the_answer_says_so,
    a_request_that_was_sent_is_never_sent_again_whatever_its_method,
);

const METHODS: [Method; 5] =
    [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH];

async fn a_refused_connection_is_tried_elsewhere_for_every_method_with_the_body_intact(
    kind: Kind,
) {
    let body = "x".repeat(300_000);
    for method in &METHODS {
        let (dead, alive) = (Replica::start("dead").await, Replica::start("alive").await);
        let backends = [("dead", dead.address), ("alive", alive.address)];
        let front = Front::start_blind(kind, &backends).await;
        dead.die().await;
        for _ in 0..2 {
            let request = front.client.request(method.clone(), front.url("/act"));
            let reply = request.body(body.clone()).send().await.unwrap();
            assert_eq!(reply.status(), 200, "{method}");
            assert!(reply.text().await.unwrap() == body, "{method}");
        }
        assert_eq!(alive.seen().len(), 2, "{method}");
        assert!(front.refusals("dead").await > 0, "{method}: it had its turn");
    }
}

async fn when_all_refuse_nothing_was_sent_and_the_answer_says_so(kind: Kind) {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let front = Front::start(kind, ROUND_ROBIN, &backends).await;
    one.die().await;
    two.die().await;
    for _ in 0..3 {
        let reply = front.client.post(front.url("/act")).body("x").send().await.unwrap();
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
    let rig = Rig::start(&ONE_CHECK, &backends).await;
    one.die().await;
    two.die().await;
    let reply = rig.client.post(rig.url("/act")).body("x").send().await.unwrap();
    assert_eq!(reply.status(), 503);
    assert_eq!((rig.status("r1").failures, rig.status("r2").failures), (1, 1));
}

/// Each on a connection of its own: to a later request of one, HAProxy does not say 502 but
/// closes, so that a browser takes the connection for one that was stale.
async fn a_request_that_was_sent_is_never_sent_again_whatever_its_method(kind: Kind) {
    let breaks_off = || {
        Scripted::start(|mut wire, _| async move {
            wire.read_body().await;
        })
    };
    let (one, two) = (breaks_off().await, breaks_off().await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let front = Front::start(kind, ROUND_ROBIN, &backends).await;
    for (done, method) in METHODS.iter().enumerate() {
        let request = front.client.request(method.clone(), front.url("/act"));
        let request = request.header("connection", "close").body("all of it");
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), 502, "{method}");
        assert_eq!(reply.json::<Problem>().await.unwrap().slug(), "replica-failed");
        assert_eq!(one.requests() + two.requests(), done + 1, "{method}");
    }
}

#[tokio::test]
async fn a_request_that_was_sent_on_a_used_connection_is_never_sent_again() {
    let backend = Scripted::start(|mut wire, counter| async move {
        wire.read_body().await;
        wire.send(OK).await;
        counter.read_head(&mut wire).await;
    })
    .await;
    let other = Replica::start("other").await;
    let rig = Rig::start(&[], &[("r1", backend.address)]).await;
    assert_eq!(rig.client.get(rig.url("/1")).send().await.unwrap().status(), 200);
    rig.balancer.put_backend("r2", other.address);
    rig.until("r2", BackendState::Up).await;
    rig.balancer.drain_backend("r2");
    assert_eq!(rig.client.get(rig.url("/2")).send().await.unwrap().status(), 502);
    assert_eq!((backend.requests(), other.seen().len()), (2, 0));
}

/// The close is on the wire when the request comes, but after it in the order in which
/// the balancer learns of the two: it takes the connection from the pool, and finds out.
#[tokio::test]
async fn a_pooled_connection_that_the_backend_has_closed_costs_no_error_and_no_repeat() {
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
    let rig = Rig::start(&ONE_CHECK, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(rig.address).await;
    for round in 1..=ROUNDS {
        client.send_head(&["POST /act HTTP/1.1", "Host: x", "Content-Length: 4"]).await;
        client.send(b"once").await;
        if round > 1 {
            drop(kept.recv().await);
        }
        assert!(client.read_head().await);
        assert_eq!(client.first_line(), "HTTP/1.1 200 OK", "round {round}");
        until("the connection is idle", || rig.status("r1").in_flight == 0).await;
    }
    assert_eq!(backend.requests(), ROUNDS);
    assert_eq!(rig.status("r1").failures, 0);
}

#[tokio::test]
async fn a_connection_is_used_again() {
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
    let rig = Rig::start(&ONE_CHECK, &[("r1", backend.address)]).await;
    for _ in 0..20 {
        rig.who().await;
    }
    assert_eq!((connections.load(Ordering::Relaxed), backend.requests()), (1, 20));
}

#[tokio::test]
async fn a_hung_backend_is_a_504_within_the_head_timeout_and_nobody_else_is_asked() {
    let hung = Scripted::start(|mut wire, _| async move {
        wire.read_body().await;
        std::future::pending::<()>().await;
    })
    .await;
    let other = Replica::start("other").await;
    let flags = ["--head-timeout-ms", "300", "--policy", "sticky"];
    let backends = [("hung", hung.address), ("other", other.address)];
    let rig = Rig::start(&flags, &backends).await;
    let asked = Instant::now();
    let request = rig.client.post(rig.url("/act")).header("cookie", "lab_replica=hung");
    let reply = request.body("once").send().await.unwrap();
    assert_eq!(reply.status(), 504);
    assert_eq!(reply.json::<Problem>().await.unwrap().slug(), "replica-timeout");
    let took = asked.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(3));
    assert_eq!((hung.requests(), other.seen().len()), (1, 0));
    assert_eq!(rig.status("hung").failures, 1);
}
