//! The addresses a process may listen on, and the timeouts for slow clients.

use crate::support::{DEADLINE, start};
use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http_edge::connection::HEADER_TIMEOUT;
use http_edge::listen::{bind, bind_admin};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn non_loopback_listener_needs_insecure_remote() {
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let refused = bind(everywhere, false).await.unwrap_err().to_string();
    assert!(refused.contains("--insecure-remote"), "{refused}");
    assert!(bind(everywhere, true).await.is_ok());
    assert!(bind_admin(everywhere).await.is_err(), "the admin listener never");
}

#[tokio::test]
async fn error_for_used_port_names_port_and_flag() {
    let first = bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let taken = first.local_addr().unwrap();
    let refused = bind(taken, false).await.unwrap_err().to_string();
    assert!(refused.contains(&taken.to_string()) && refused.contains("--listen"));
}

/// Slowloris: incomplete requests must not hold connections for ever.
#[tokio::test]
async fn incomplete_headers_time_out_while_others_are_served() {
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
    assert!(began.elapsed() >= HEADER_TIMEOUT, "closed only after the header timeout");
}

/// A slow POST: the client announces a body and does not send it.
#[tokio::test]
async fn missing_body_is_refused_and_connection_closed() {
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
