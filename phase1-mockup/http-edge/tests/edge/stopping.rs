//! Graceful shutdown: no new connections, and requests in flight are finished.

use crate::support::{DEADLINE, Running, start, start_with};
use api_contract::problem::Problem;
use axum::{Router, routing::get};
use clap::Parser;
use http_edge::args::EdgeArgs;
use http_edge::health::{Check, HealthStatus, Readiness};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A handler that reports its start and waits for the test.
fn waiting() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (started, wait) = (Arc::clone(&entered), Arc::clone(&go_on));
    let handler = move || {
        let (started, wait) = (Arc::clone(&started), Arc::clone(&wait));
        async move {
            started.notify_one();
            wait.notified().await;
            "finished"
        }
    };
    (Router::new().route("/wait", get(handler)), entered, go_on)
}

#[tokio::test]
async fn request_in_flight_is_finished_after_stop_signal() {
    let (routes, entered, go_on) = waiting();
    let server = start(routes, Duration::ZERO, DEADLINE).await;
    let in_flight = tokio::spawn(reqwest::get(server.url("/wait")));
    entered.notified().await;
    server.stop.cancel();
    let closed = async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, closed).await.unwrap();
    go_on.notify_one();
    assert_eq!(in_flight.await.unwrap().unwrap().text().await.unwrap(), "finished");
    tokio::time::timeout(DEADLINE, server.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn endless_request_is_aborted_at_drain_deadline() {
    let (routes, entered, _never) = waiting();
    let server = start(routes, Duration::ZERO, Duration::from_millis(50)).await;
    let in_flight = tokio::spawn(reqwest::get(server.url("/wait")));
    entered.notified().await;
    server.stop.cancel();
    tokio::time::timeout(DEADLINE, server.ended).await.unwrap().unwrap();
    assert!(in_flight.await.unwrap().is_err());
}

#[tokio::test]
async fn idle_connection_does_not_delay_shutdown() {
    let server = start(Router::new(), Duration::ZERO, DEADLINE).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut some = [0; 12];
    idle.read_exact(&mut some).await.unwrap();
    assert_eq!(&some, b"HTTP/1.1 200");
    server.stop.cancel();
    tokio::time::timeout(DEADLINE / 2, server.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn server_answers_but_is_not_ready_during_grace() {
    let server = start(Router::new(), DEADLINE, Duration::ZERO).await;
    assert_eq!(reqwest::get(server.url("/readyz")).await.unwrap().status(), 200);
    server.stop.cancel();
    let mut ready = 200;
    while ready == 200 {
        let reply = reqwest::get(server.url("/readyz")).await.unwrap();
        ready = reply.status().as_u16();
        assert!(ready == 200 || reply.headers().contains_key("retry-after"));
    }
    assert_eq!(ready, 503);
    assert_eq!(reqwest::get(server.url("/livez")).await.unwrap().status(), 200);
    server.ended.abort();
}

/// A readiness check that waits for the test, as one of a slow database does.
fn slow_check() -> (Readiness, Arc<Notify>, Arc<Notify>) {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (started, wait) = (Arc::clone(&entered), Arc::clone(&go_on));
    let check = Check::new("records", move || {
        let (started, wait) = (Arc::clone(&started), Arc::clone(&wait));
        async move {
            started.notify_one();
            wait.notified().await;
            HealthStatus::Healthy
        }
    });
    (Readiness::with_checks(vec![check]), entered, go_on)
}

/// A drain that begins during a check counts for the reply of that check.
#[tokio::test]
async fn drain_during_a_readiness_check_returns_503() {
    let (readiness, entered, go_on) = slow_check();
    let server = start_with(Router::new(), readiness.clone(), DEADLINE, DEADLINE).await;
    let asked = tokio::spawn(reqwest::get(server.url("/readyz")));
    entered.notified().await;
    server.stop.cancel();
    while !readiness.is_draining() {
        tokio::task::yield_now().await;
    }
    go_on.notify_one();
    let reply = asked.await.unwrap().unwrap();
    assert_eq!(reply.status(), 503);
    assert_eq!(reply.json::<Problem>().await.unwrap().slug(), "draining");
    server.ended.abort();
}

/// The head of the reply to a request on an open connection.
async fn head_of_reply(connection: &mut TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    while !received.windows(4).any(|end| end == b"\r\n\r\n") {
        assert_ne!(connection.read_buf(&mut received).await.unwrap(), 0);
    }
    String::from_utf8(received).unwrap().to_lowercase()
}

async fn drained(server: &Running) {
    server.stop.cancel();
    while reqwest::get(server.url("/readyz")).await.unwrap().status() == 200 {}
}

/// RFC 9112 §9.6: a client or balancer that keeps connections opens its next one elsewhere.
#[tokio::test]
async fn replies_during_grace_announce_close_and_close() {
    let routes = Router::new().route("/hello", get(|| async { "hello" }));
    let server = start(routes, DEADLINE, DEADLINE).await;
    let mut kept = server.connect().await;
    let before = head_of_reply(&mut kept, "/hello").await;
    assert!(!before.contains("connection: close"), "{before}");
    drained(&server).await;
    let mut fresh = server.connect().await;
    for (connection, path, status) in
        [(&mut kept, "/hello", "200"), (&mut fresh, "/nowhere", "404")]
    {
        let head = head_of_reply(connection, path).await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
        assert!(head.contains("connection: close"), "{head}");
        let mut rest = Vec::new();
        let closed = connection.read_to_end(&mut rest);
        tokio::time::timeout(DEADLINE / 2, closed).await.unwrap().unwrap();
    }
    server.ended.abort();
}

/// A reply that begins during the grace announces the close, also if its request came before.
#[tokio::test]
async fn reply_to_an_earlier_request_announces_close_during_grace() {
    let (routes, entered, go_on) = waiting();
    let server = start(routes, DEADLINE, DEADLINE).await;
    let in_flight = tokio::spawn(reqwest::get(server.url("/wait")));
    entered.notified().await;
    drained(&server).await;
    go_on.notify_one();
    let reply = in_flight.await.unwrap().unwrap();
    assert_eq!(reply.headers()["connection"], "close");
    server.ended.abort();
}

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    edge: EdgeArgs,
}

/// Without a grace a balancer sends requests to a closed port until its next check.
#[test]
fn default_grace_outlasts_one_health_check() {
    let edge = CommandLine::parse_from(["server"]).edge;
    assert!(edge.drain_grace() >= Duration::from_millis(1_250), "{edge:?}");
}
