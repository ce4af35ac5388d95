//! The close of a connection: after a broken response, and while the client still sends.

use crate::support::{DEADLINE, start};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures_util::{StreamExt, stream};
use http::StatusCode;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Five bytes of a body, and after a pause its end, which is an error.
async fn broken() -> Body {
    let begun = stream::iter([Ok(Bytes::from_static(b"hello"))]);
    let end = stream::once(async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Err(io::Error::other("the disk is gone"))
    });
    Body::from_stream(begun.chain(end))
}

/// Five bytes of a body that does not end.
async fn endless() -> Body {
    let begun = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"hello"))]);
    Body::from_stream(begun.chain(stream::pending()))
}

/// Reads until five bytes of the body have arrived.
async fn read_begin(connection: &mut TcpStream) {
    let mut received = Vec::new();
    while !received.windows(5).any(|end| end == b"hello") {
        assert_ne!(connection.read_buf(&mut received).await.unwrap(), 0);
    }
}

/// The kind of error at the end of the connection; `None` is an ordinary end.
async fn end_of(connection: &mut TcpStream) -> Option<io::ErrorKind> {
    let mut rest = Vec::new();
    let end = tokio::time::timeout(DEADLINE, connection.read_to_end(&mut rest));
    end.await.unwrap().err().map(|error| error.kind())
}

/// RFC 9112 §8: the end of the connection is the end of a response of HTTP/1.0. In HTTP/1.1
/// the last chunk is missing.
#[tokio::test]
async fn broken_response_of_http_1_0_ends_with_reset() {
    let routes = Router::new().route("/broken", get(broken));
    let server = start(routes, Duration::ZERO, DEADLINE).await;
    for (version, end) in [("1.0", Some(io::ErrorKind::ConnectionReset)), ("1.1", None)] {
        let mut connection = server.connect().await;
        let request = format!("GET /broken HTTP/{version}\r\nHost: x\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        read_begin(&mut connection).await;
        assert_eq!(end_of(&mut connection).await, end, "HTTP/{version}");
    }
}

#[tokio::test]
async fn aborted_response_of_http_1_0_ends_with_reset() {
    let routes = Router::new().route("/endless", get(endless));
    let server = start(routes, Duration::ZERO, Duration::from_millis(50)).await;
    let mut connection = server.connect().await;
    connection.write_all(b"GET /endless HTTP/1.0\r\n\r\n").await.unwrap();
    read_begin(&mut connection).await;
    server.stop.cancel();
    let end = end_of(&mut connection).await;
    assert_eq!(end, Some(io::ErrorKind::ConnectionReset));
}

/// RFC 9110 §10.1.1: a client need not wait for `100 Continue`. RFC 9112 §9.6: unread bytes at
/// the close would reset the connection, and the client would lose the refusal.
#[tokio::test]
async fn refusal_reaches_client_that_sends_whole_body() {
    let refuse = || async { StatusCode::NOT_FOUND };
    let routes = Router::new().route("/refuse", post(refuse));
    let server = start(routes, Duration::ZERO, DEADLINE).await;
    for (version, expected) in
        [("1.1", "100-continue"), ("1.1", "foo"), ("1.0", "100-continue")]
    {
        let mut connection = server.connect().await;
        let head = format!(
            "POST /refuse HTTP/{version}\r\nHost: x\r\nExpect: {expected}\r\n\
             Content-Length: 4000000\r\nConnection: close\r\n\r\n"
        );
        let request = [head.into_bytes(), vec![b'x'; 4_000_000]].concat();
        connection.write_all(&request).await.unwrap();
        let mut reply = String::new();
        connection.read_to_string(&mut reply).await.unwrap();
        let status = format!("HTTP/{version} 404");
        assert!(reply.starts_with(&status), "{version} {expected}: {reply}");
    }
}

/// The server reads until the client closes its side, but does not wait long for that.
#[tokio::test]
async fn lingering_close_does_not_delay_shutdown() {
    let routes = Router::new().route("/take", post(|_all: Bytes| async { "taken" }));
    let server = start(routes, Duration::ZERO, DEADLINE).await;
    let mut connection = server.connect().await;
    let request = "POST /take HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\
                   Connection: close\r\n\r\nx";
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    connection.read_to_string(&mut reply).await.unwrap();
    assert!(reply.ends_with("taken"), "{reply}");
    server.stop.cancel();
    tokio::time::timeout(DEADLINE / 2, server.ended).await.unwrap().unwrap();
}
