//! Bodies that stop in the middle. Only time without progress counts, never the length of
//! the transfer.

use crate::fixture::{TIMEOUT, TestBalancer, until};
use crate::replica::Replica;
use crate::scripted::{OK, Scripted};
use crate::wire::Wire;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

const IDLE: [&str; 2] = ["--idle-timeout-ms", "300"];
/// Between two bytes that arrive in time.
const PAUSE: Duration = Duration::from_millis(80);

const UPGRADE: [&str; 6] = [
    "GET /ws HTTP/1.1",
    "Host: x",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// A backend that sends `start`, and nothing after it.
async fn stalling(start: &'static [u8]) -> Scripted {
    Scripted::start(move |mut wire, _| async move {
        wire.send(start).await;
        std::future::pending::<()>().await;
    })
    .await
}

/// Reads until the balancer closes. Returns what arrived after the head.
async fn rest(client: &mut Wire) -> Vec<u8> {
    let mut rest = Vec::new();
    let reading = client.stream.read_to_end(&mut rest);
    let _reset = tokio::time::timeout(TIMEOUT, reading).await.unwrap();
    rest
}

#[tokio::test]
async fn stalled_response_is_aborted_after_idle_timeout() {
    for (start, arrived) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst"[..], &b"first"[..]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b""),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n",
            b"5\r\nfirst\r\n",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nfirst", b"5\r\nfirst\r\n"),
    ] {
        let backend = stalling(start).await;
        let balancer = TestBalancer::start(&IDLE, &[("r1", backend.address)]).await;
        let mut client = Wire::connect(balancer.address).await;
        client.send_head(&["GET /hang HTTP/1.1", "Host: x"]).await;
        assert!(client.read_head().await);
        assert_eq!(rest(&mut client).await, arrived, "it must not look complete");
        until("nothing is in flight", || balancer.status("r1").in_flight == 0).await;
        assert_eq!(balancer.status("r1").failures, 1);
    }
}

#[tokio::test]
async fn stalled_upload_gets_408_after_idle_timeout() {
    let backend = Replica::start("r1").await;
    let balancer = TestBalancer::start(&IDLE, &[("r1", backend.address)]).await;
    for (framing, start) in [
        ("Content-Length: 10", &b"first"[..]),
        ("Content-Length: 10", b""),
        ("Transfer-Encoding: chunked", b"5\r\nfirst\r\n"),
        ("Transfer-Encoding: chunked", b"5\r\nfi"),
        ("Transfer-Encoding: chunked", b""),
    ] {
        let mut client = Wire::connect(balancer.address).await;
        client.send_head(&["POST /hang HTTP/1.1", "Host: x", framing]).await;
        client.send(start).await;
        let answered = tokio::time::timeout(TIMEOUT, client.read_head()).await.unwrap();
        assert!(answered, "{framing}");
        assert_eq!(client.first_line(), "HTTP/1.1 408 Request Timeout", "{framing}");
        let problem = String::from_utf8(client.read_body().await).unwrap();
        assert!(problem.contains("/problems/request-timeout"), "{problem}");
        assert!(client.is_closed().await, "{framing}");
    }
    until("nothing is in flight", || balancer.status("r1").in_flight == 0).await;
    assert_eq!(balancer.status("r1").failures, 0, "the client stalled");
}

#[tokio::test]
async fn backend_that_reads_no_body_gets_504_after_idle_timeout() {
    let backend = stalling(b"").await;
    let balancer = TestBalancer::start(&IDLE, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    let length = 32 * 1024 * 1024;
    let framing = format!("Content-Length: {length}");
    client.send_head(&["POST /hang HTTP/1.1", "Host: x", &framing]).await;
    client.send(&vec![b'x'; length]).await;
    assert!(tokio::time::timeout(TIMEOUT, client.read_head()).await.unwrap());
    assert_eq!(client.first_line(), "HTTP/1.1 504 Gateway Timeout");
    assert_eq!(balancer.status("r1").failures, 1);
}

/// With trailers, too, the request is complete: the limit is that of the head.
#[tokio::test]
async fn request_with_trailers_does_not_use_up_idle_timeout() {
    let backend = Scripted::start(|mut wire, _| async move {
        assert_eq!(wire.read_body().await, b"abc");
        tokio::time::sleep(Duration::from_secs(1)).await;
        wire.send(OK).await;
    })
    .await;
    let flags = [&IDLE[..], &["--head-timeout-ms", "60000"]].concat();
    let balancer = TestBalancer::start(&flags, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    let head = ["POST /slow HTTP/1.1", "Host: x", "Transfer-Encoding: chunked"];
    client.send_head(&head).await;
    client.send(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n").await;
    assert!(tokio::time::timeout(TIMEOUT, client.read_head()).await.unwrap());
    assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
    assert_eq!(balancer.status("r1").failures, 0);
}

#[tokio::test]
async fn slow_but_steady_bodies_are_not_limited() {
    let backend = Scripted::start(|mut wire, counter| async move {
        loop {
            wire.read_body().await;
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n").await;
            for byte in b"0123456789" {
                tokio::time::sleep(PAUSE).await;
                wire.send(&[*byte]).await;
            }
            if !counter.read_head(&mut wire).await {
                return;
            }
        }
    })
    .await;
    let balancer = TestBalancer::start(&IDLE, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    let started = Instant::now();
    client.send_head(&["POST /slow HTTP/1.1", "Host: x", "Content-Length: 10"]).await;
    for byte in b"0123456789" {
        tokio::time::sleep(PAUSE).await;
        client.send(&[*byte]).await;
    }
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
    assert_eq!(client.read_body().await, b"0123456789");
    assert!(started.elapsed() >= PAUSE * 20);
}

/// While the client reads nothing, the backend is not late.
#[tokio::test]
async fn pause_of_reader_does_not_count_against_backend() {
    const SIZE: usize = 16 * 1024 * 1024;
    let backend = Scripted::sending(SIZE).await;
    let balancer = TestBalancer::start(&IDLE, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&["GET /big HTTP/1.1", "Host: x"]).await;
    assert!(client.read_head().await);
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert_eq!(client.read_body().await.len(), SIZE);
    assert_eq!(balancer.status("r1").failures, 0);
}

/// An upload that moves is progress for its response.
#[tokio::test]
async fn response_may_wait_for_upload_that_makes_progress() {
    let backend = Scripted::start(|mut wire, _| async move {
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n").await;
        let body = wire.read_body().await;
        wire.send(&body).await;
    })
    .await;
    let balancer = TestBalancer::start(&IDLE, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&["POST /echo HTTP/1.1", "Host: x", "Content-Length: 10"]).await;
    for byte in b"0123456789" {
        tokio::time::sleep(PAUSE).await;
        client.send(&[*byte]).await;
    }
    assert!(client.read_head().await);
    assert_eq!(client.read_body().await, b"0123456789");
}

#[tokio::test]
async fn streams_to_backend_that_went_down_are_aborted() {
    let backend = Scripted::start(|mut wire, _| async move {
        let target = wire.first_line().split(' ').nth(1).unwrap().to_owned();
        match target.as_str() {
            "/download" => {
                wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab").await;
            }
            "/ws" => wire.send(SWITCHED).await,
            _ => {}
        }
        std::future::pending::<()>().await;
    })
    .await;
    let flags = ["--check-timeout-ms", "100", "--idle-timeout-ms", "3600000"];
    let flags = [&flags[..], &["--head-timeout-ms", "3600000"]].concat();
    let balancer = TestBalancer::start(&flags, &[("r1", backend.address)]).await;
    let mut download = Wire::connect(balancer.address).await;
    download.send_head(&["GET /download HTTP/1.1", "Host: x"]).await;
    assert!(download.read_head().await);
    let mut waiting = Wire::connect(balancer.address).await;
    waiting.send_head(&["POST /act HTTP/1.1", "Host: x", "Content-Length: 0"]).await;
    let mut upload = Wire::connect(balancer.address).await;
    upload.send_head(&["POST /up HTTP/1.1", "Host: x", "Content-Length: 99"]).await;
    let mut tunnel = Wire::connect(balancer.address).await;
    tunnel.send_head(&UPGRADE).await;
    assert!(tunnel.read_head().await);
    assert_eq!(tunnel.first_line(), "HTTP/1.1 101 Switching Protocols");
    until("all have arrived", || balancer.status("r1").in_flight == 4).await;

    backend.hang();
    assert_eq!(rest(&mut download).await, b"ab");
    for client in [&mut waiting, &mut upload] {
        assert!(tokio::time::timeout(TIMEOUT, client.read_head()).await.unwrap());
        assert_eq!(client.first_line(), "HTTP/1.1 504 Gateway Timeout");
    }
    assert_eq!(rest(&mut tunnel).await, [0x88, 2, 3, 0xe9], "a close frame with 1001");
    until("nothing is in flight", || balancer.status("r1").in_flight == 0).await;
}

const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

#[tokio::test]
async fn quiet_tunnel_to_healthy_backend_stays_open() {
    let backend = Scripted::start(|mut wire, _| async move {
        wire.send(SWITCHED).await;
        let mut frame = [0; 7];
        wire.stream.read_exact(&mut frame).await.unwrap();
        wire.send(&[0x82, 1, b'!']).await;
        wire.send(OK).await;
    })
    .await;
    let balancer = TestBalancer::start(&IDLE, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&UPGRADE).await;
    assert!(client.read_head().await);
    tokio::time::sleep(Duration::from_millis(1000)).await;
    client.send(&[0x82, 0x81, 0, 0, 0, 0, b'?']).await;
    let mut frame = [0; 3];
    let answered = client.stream.read_exact(&mut frame);
    tokio::time::timeout(TIMEOUT, answered).await.unwrap().unwrap();
    assert_eq!(frame, [0x82, 1, b'!']);
}
