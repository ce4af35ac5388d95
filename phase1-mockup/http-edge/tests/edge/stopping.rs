//! Being told to stop: nobody new, and nobody cut off who can be finished.

use crate::support::{DEADLINE, start};
use axum::{Router, routing::get};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A handler that waits until the test lets it go on.
fn waiting() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&entered), Arc::clone(&go_on));
    let handler = move || {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            "finished"
        }
    };
    (Router::new().route("/wait", get(handler)), entered, go_on)
}

#[tokio::test]
async fn a_request_under_way_is_finished_after_the_stop() {
    let (routes, entered, go_on) = waiting();
    let server = start(routes, Duration::ZERO, DEADLINE).await;
    let under_way = tokio::spawn(reqwest::get(server.url("/wait")));
    entered.notified().await;
    server.stop.cancel();
    let closed = async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, closed).await.unwrap();
    go_on.notify_one();
    assert_eq!(under_way.await.unwrap().unwrap().text().await.unwrap(), "finished");
    tokio::time::timeout(DEADLINE, server.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_at_the_deadline() {
    let (routes, entered, _never) = waiting();
    let server = start(routes, Duration::ZERO, Duration::from_millis(50)).await;
    let under_way = tokio::spawn(reqwest::get(server.url("/wait")));
    entered.notified().await;
    server.stop.cancel();
    tokio::time::timeout(DEADLINE, server.ended).await.unwrap().unwrap();
    assert!(under_way.await.unwrap().is_err());
}

#[tokio::test]
async fn an_idle_connection_does_not_delay_the_end() {
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
async fn during_the_grace_it_is_not_ready_and_still_answers() {
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
