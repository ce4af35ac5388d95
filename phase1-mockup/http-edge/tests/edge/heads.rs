//! Unfinished heads, which are no requests and cost little memory, and long ones.

use crate::support::{DEADLINE, start};
use axum::Router;
use http_edge::accept::Plain;
use http_edge::connection::HEADER_TIMEOUT;
use http_edge::head_limits::HeadLimits;
use http_edge::health::{Readiness, routes};
use http_edge::reply::{Completed, Replies, UrlInLog};
use http_edge::serve::{Drain, serve_with};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn unfinished_head_does_not_delay_shutdown() {
    for head in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\n"] {
        let server = start(Router::new(), Duration::ZERO, DEADLINE).await;
        let mut half = server.connect().await;
        half.write_all(head.as_bytes()).await.unwrap();
        // The server reads connections in order of their arrival, or soon after.
        assert_eq!(reqwest::get(server.url("/livez")).await.unwrap().status(), 200);
        server.stop.cancel();
        let stopped = tokio::time::timeout(HEADER_TIMEOUT / 2, server.ended).await;
        stopped.unwrap().unwrap();
        assert_eq!(half.read(&mut [0]).await.unwrap_or_default(), 0);
    }
}

#[tokio::test]
async fn unfinished_head_of_80_kib_is_refused() {
    let server = start(Router::new(), Duration::ZERO, DEADLINE).await;
    let mut client = server.connect().await;
    let head = [&b"GET / HTTP/1.1\r\nX-Long: "[..], &[b'x'; 80 * 1024]].concat();
    let _reset = client.write_all(&head).await;
    let mut answer = [0; 12];
    let answered = client.read_exact(&mut answer);
    tokio::time::timeout(HEADER_TIMEOUT / 2, answered).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}

/// The status of the reply to a head with this many fields and bytes.
async fn status_of(address: SocketAddr, fields: usize, bytes: usize) -> String {
    let mut head = "GET /livez HTTP/1.1\r\nHost: x\r\n".to_owned();
    for at in 2..fields {
        head += &format!("X-{at}: x\r\n");
    }
    let rest = bytes - head.len() - "X-Long: \r\n\r\n".len();
    head += &format!("X-Long: {}\r\n\r\n", "x".repeat(rest));
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

/// The address of a process with the limits of a proxy.
async fn start_proxy() -> SocketAddr {
    let readiness = Readiness::default();
    let replies = Replies::of("lb", UrlInLog::Path);
    let app = Completed::new(routes(readiness.clone()), replies);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let drain = Drain { readiness, grace: Duration::ZERO, deadline: Duration::ZERO };
    let limits = HeadLimits::PROXY;
    tokio::spawn(serve_with(listener, Plain, limits, app, drain, std::future::pending()));
    address
}

/// A proxy adds fields to a head that it has accepted.
#[tokio::test]
async fn server_accepts_longer_heads_than_proxy() {
    let server = start(Router::new(), Duration::ZERO, DEADLINE).await;
    let proxy = start_proxy().await;
    let (of_proxy, of_server) = (HeadLimits::PROXY, HeadLimits::SERVER);
    for (fields, bytes, by_proxy, by_server) in [
        (of_proxy.fields, of_proxy.bytes, "200", "200"),
        (of_proxy.fields + 1, 8_000, "431", "200"),
        (10, of_proxy.bytes + 1, "431", "200"),
        (of_server.fields, of_server.bytes, "431", "200"),
        (of_server.fields + 1, 8_000, "431", "431"),
        (10, of_server.bytes + 1, "431", "431"),
    ] {
        let sent = format!("{fields} fields, {bytes} bytes");
        assert_eq!(status_of(proxy, fields, bytes).await, by_proxy, "proxy: {sent}");
        let status = status_of(server.address, fields, bytes).await;
        assert_eq!(status, by_server, "server: {sent}");
    }
}
