//! Graceful shutdown: no new connections, and requests in flight are finished.

use crate::support::{DEADLINE, start};
use axum::{Router, routing::get};
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
