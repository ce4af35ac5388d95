//! Replies that a backend sends before it has read the whole request, often followed by a
//! reset: the client gets the reply, not a 502.

use crate::fixture::{TIMEOUT, TestBalancer, until};
use crate::scripted::Scripted;
use crate::wire::Wire;
use tokio::io::AsyncReadExt;

const ROUNDS: usize = 40;
const SIZE: usize = 4 * 1024 * 1024;

/// A backend that reads a little of the body, sends `reply` and closes. The unread rest makes
/// the kernel send a reset.
async fn refusing(reply: &'static [u8]) -> Scripted {
    Scripted::start(move |mut wire, _| async move {
        let mut some = [0; 1000];
        wire.stream.read_exact(&mut some).await.unwrap();
        wire.send(reply).await;
    })
    .await
}

/// Uploads and reads at the same time, as browsers and HTTP libraries do.
async fn upload(
    balancer: &TestBalancer,
    framing: &str,
    body: &[u8],
) -> (String, Vec<u8>) {
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&["POST /upload HTTP/1.1", "Host: x", framing]).await;
    client.send(body).await;
    let answered = tokio::time::timeout(TIMEOUT, client.read_head()).await.unwrap();
    assert!(answered, "the connection was closed without a response");
    (client.first_line().to_owned(), client.read_body().await)
}

#[tokio::test]
async fn early_reply_followed_by_reset_reaches_client() {
    let length = format!("Content-Length: {SIZE}");
    let plain = vec![b'x'; SIZE];
    let chunk = format!("{SIZE:x}\r\n");
    let chunked = [chunk.as_bytes(), &plain, b"\r\n0\r\n\r\n"].concat();
    for reply in [
        &b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge"[..],
        b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\nlarge",
        b"HTTP/1.1 413 Content Too Large\r\nTransfer-Encoding: chunked\r\n\r\n\
          5\r\nlarge\r\n0\r\n\r\n",
    ] {
        let backend = refusing(reply).await;
        let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
        for round in 0..ROUNDS {
            let (framing, body) = match round % 2 {
                0 => (length.as_str(), &plain),
                _ => ("Transfer-Encoding: chunked", &chunked),
            };
            let (status, body) = upload(&balancer, framing, body).await;
            assert_eq!(status, "HTTP/1.1 413 Content Too Large", "round {round}");
            assert_eq!(body, b"large", "round {round}");
        }
        assert_eq!(backend.requests(), ROUNDS, "an upload was sent twice");
        assert_eq!(balancer.status("r1").failures, 0);
    }
}

#[tokio::test]
async fn reset_without_reply_is_502_once() {
    let backend = refusing(b"").await;
    let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
    let length = format!("Content-Length: {SIZE}");
    for _ in 0..5 {
        let (status, _) = upload(&balancer, &length, &vec![b'x'; SIZE]).await;
        assert_eq!(status, "HTTP/1.1 502 Bad Gateway");
    }
    assert_eq!((backend.requests(), balancer.status("r1").failures), (5, 5));
}

/// The connection still carries the old body, so it must not carry the next request.
#[tokio::test]
async fn connection_with_unfinished_upload_is_not_reused() {
    let backend = Scripted::start(|mut wire, _| async move {
        wire.send(b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n").await;
        let mut rest = Vec::new();
        let _reset = wire.stream.read_to_end(&mut rest).await;
        assert!(!rest.windows(6).any(|bytes| bytes == b"/after"), "reused");
    })
    .await;
    let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&["POST /upload HTTP/1.1", "Host: x", "Content-Length: 9"]).await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 409 Conflict");
    let mut other = Wire::connect(balancer.address).await;
    other.send_head(&["GET /after HTTP/1.1", "Host: x"]).await;
    assert!(other.read_head().await);
    assert_eq!(backend.requests(), 2);
    drop(client);
    until("nothing is in flight", || balancer.status("r1").in_flight == 0).await;
}
