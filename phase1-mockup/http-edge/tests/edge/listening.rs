//! Where a process may listen, and how long a client may dawdle.

use crate::support::{DEADLINE, start};
use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http_edge::listen::{bind, bind_admin};
use http_edge::serve::HEADER_TIMEOUT;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn passwords_do_not_leave_the_machine_unencrypted_unless_that_is_said() {
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let refused = bind(everywhere, false).await.unwrap_err().to_string();
    assert!(refused.contains("--insecure-remote"), "{refused}");
    assert!(bind(everywhere, true).await.is_ok());
    assert!(bind_admin(everywhere).await.is_err(), "the admin listener never");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_what_to_do() {
    let first = bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let taken = first.local_addr().unwrap();
    let refused = bind(taken, false).await.unwrap_err().to_string();
    assert!(refused.contains(&taken.to_string()) && refused.contains("--listen"));
}

/// Slowloris: many half-sent requests must not hold a server's connections for ever.
#[tokio::test]
async fn a_request_whose_headers_never_end_is_cut_off_and_others_are_served() {
    let server = start(Router::new(), Duration::ZERO, Duration::ZERO).await;
    let began = Instant::now();
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut connection = server.connect().await;
        connection
            .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            .await
            .unwrap();
        slow.push(connection);
    }
    assert_eq!(reqwest::get(server.url("/livez")).await.unwrap().status(), 200);
    for mut connection in slow {
        let mut rest = Vec::new();
        let closed = connection.read_to_end(&mut rest);
        let _reset_is_closed_too =
            tokio::time::timeout(HEADER_TIMEOUT + DEADLINE, closed).await.unwrap();
    }
    assert!(began.elapsed() >= HEADER_TIMEOUT, "they had their time");
}

/// The same from the other end: a body that is announced and never comes.
#[tokio::test]
async fn a_body_that_never_comes_is_refused_and_its_connection_closed() {
    let routes = Router::new().route("/take", post(|_all: Bytes| async { "taken" }));
    let server = start(routes, Duration::ZERO, Duration::ZERO).await;
    let mut connection = server.connect().await;
    let begun = b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nx";
    connection.write_all(begun).await.unwrap();
    let mut answer = Vec::new();
    let closed = connection.read_to_end(&mut answer);
    tokio::time::timeout(DEADLINE + DEADLINE, closed).await.unwrap().unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
}
