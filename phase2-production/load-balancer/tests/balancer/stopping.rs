//! The stop of a balancer: an unfinished head is no request, and tunnels are closed at once.

use crate::fixture::{TIMEOUT, TestBalancer, until};
use crate::replica::Replica;
use crate::scripted::Scripted;
use crate::wire::Wire;
use http_edge::connection::HEADER_TIMEOUT;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;

/// A drain deadline that no test waits for.
const LONG_DRAIN: [&str; 2] = ["--drain-deadline-ms", "3600000"];

const UPGRADE: [&str; 6] = [
    "GET /ws HTTP/1.1",
    "Host: x",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A close frame with code 1001, "going away" (RFC 6455 §7.4.1).
const GOING_AWAY: [u8; 4] = [0x88, 2, 3, 0xe9];

#[tokio::test]
async fn unfinished_head_does_not_delay_stop() {
    for head in [
        &b""[..],
        b"G",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"\r\n\r\n",
    ] {
        for earlier in [false, true] {
            let replica = Replica::start("r1").await;
            let backends = [("r1", replica.address)];
            let balancer = TestBalancer::start(&LONG_DRAIN, &backends).await;
            let mut client = Wire::connect(balancer.address).await;
            if earlier {
                client.send_head(&["GET /name HTTP/1.1", "Host: x"]).await;
                assert!(client.read_head().await);
            }
            client.send(head).await;
            // The balancer has read it: a second request has come and gone.
            assert_eq!(balancer.serving_replica().await, "r1");
            balancer.signal_stop();
            let started = Instant::now();
            assert!(client.is_closed().await, "{head:?}");
            balancer.stopped().await;
            // The limit of an unfinished head would end it, too.
            assert!(started.elapsed() < HEADER_TIMEOUT / 2, "{head:?}");
        }
    }
}

#[tokio::test]
async fn request_with_complete_head_is_finished_by_stopping_balancer() {
    let go = Arc::new(Notify::new());
    let resumed = Arc::clone(&go);
    let backend = Scripted::start(move |mut wire, _| {
        let resumed = Arc::clone(&resumed);
        async move {
            let body = wire.read_body().await;
            resumed.notified().await;
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await;
            wire.send(&body).await;
        }
    })
    .await;
    let balancer = TestBalancer::start(&LONG_DRAIN, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&["POST /slow HTTP/1.1", "Host: x", "Content-Length: 5"]).await;
    until("the request has arrived", || backend.requests() == 1).await;
    balancer.signal_stop();
    until("the port is closed", || TcpStream::connect(balancer.address).is_err()).await;
    client.send(b"hello").await;
    go.notify_one();
    assert!(tokio::time::timeout(TIMEOUT, client.read_head()).await.unwrap());
    assert_eq!(client.read_body().await, b"hello");
    balancer.stopped().await;
}

/// The response is complete for the balancer, and the client has not read it.
#[tokio::test]
async fn slow_reader_gets_whole_response_from_stopping_balancer() {
    const SIZE: usize = 8 * 1024 * 1024;
    let backend = Scripted::sending(SIZE).await;
    let balancer = TestBalancer::start(&LONG_DRAIN, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&["GET /big HTTP/1.1", "Host: x"]).await;
    assert!(client.read_head().await);
    balancer.signal_stop();
    let (mut received, mut part) = (0, vec![0; 64 * 1024]);
    while received < SIZE {
        let read = client.stream.read(&mut part).await.unwrap();
        assert!(read > 0, "cut short after {received} bytes");
        received += read;
        if received % 3 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    balancer.stopped().await;
}

/// A backend with a tunnel: sends `start`, waits for `go`, sends `end`; keeps what it reads.
async fn tunnel_backend(
    start: &'static [u8],
    go: &Arc<Notify>,
    end: &'static [u8],
) -> (Scripted, Arc<Mutex<Vec<u8>>>) {
    let read = Arc::new(Mutex::new(Vec::new()));
    let (kept, resumed) = (Arc::clone(&read), Arc::clone(go));
    let backend = Scripted::start(move |mut wire, _| {
        let (kept, resumed) = (Arc::clone(&kept), Arc::clone(&resumed));
        async move {
            wire.send(SWITCHED).await;
            wire.send(start).await;
            if !end.is_empty() {
                resumed.notified().await;
                wire.send(end).await;
            }
            let mut bytes = Vec::new();
            let _reset = wire.stream.read_to_end(&mut bytes).await;
            kept.lock().unwrap().extend(bytes);
        }
    })
    .await;
    (backend, read)
}

async fn bytes<const N: usize>(client: &mut Wire) -> [u8; N] {
    let mut bytes = [0; N];
    let reading = client.stream.read_exact(&mut bytes);
    tokio::time::timeout(TIMEOUT, reading).await.unwrap().unwrap();
    bytes
}

#[tokio::test]
async fn stop_sends_close_frame_to_both_ends_of_tunnel() {
    let (backend, read) = tunnel_backend(&[], &Arc::default(), &[]).await;
    let balancer = TestBalancer::start(&LONG_DRAIN, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&UPGRADE).await;
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 101 Switching Protocols");
    balancer.signal_stop();
    assert_eq!(bytes::<4>(&mut client).await, GOING_AWAY);
    client.send(&[0x88, 0x82, 0, 0, 0, 0, 3, 0xe9]).await;
    assert!(client.is_closed().await);
    balancer.stopped().await;
    until("the backend has read", || !read.lock().unwrap().is_empty()).await;
    let frame = read.lock().unwrap().clone();
    // Masked, as every frame of a client (RFC 6455 §5.3).
    assert_eq!((frame.len(), frame[0], frame[1]), (8, 0x88, 0x82), "{frame:?}");
    assert_eq!([frame[6] ^ frame[2], frame[7] ^ frame[3]], [3, 0xe9]);
}

#[tokio::test]
async fn close_frame_waits_for_end_of_frame_in_transit() {
    let go = Arc::new(Notify::new());
    // A text frame of five bytes, then one of 126 with its longer length field, half of each
    // of its parts.
    let end: &'static [u8] = Box::leak([&[126][..], &[b'b'; 126]].concat().into());
    let start = &[0x81, 5, b'h', b'e', b'l', b'l', b'o', 0x82, 126, 0];
    let (backend, _read) = tunnel_backend(start, &go, end).await;
    let balancer = TestBalancer::start(&LONG_DRAIN, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&UPGRADE).await;
    assert!(client.read_head().await);
    assert_eq!(&bytes::<10>(&mut client).await, start);
    balancer.signal_stop();
    until("the port is closed", || TcpStream::connect(balancer.address).is_err()).await;
    go.notify_one();
    assert_eq!(&bytes::<127>(&mut client).await[..], end);
    assert_eq!(bytes::<4>(&mut client).await, GOING_AWAY);
    drop(client);
    balancer.stopped().await;
}

#[tokio::test]
async fn client_that_ignores_close_frame_does_not_delay_stop() {
    let (backend, _read) = tunnel_backend(&[], &Arc::default(), &[]).await;
    let balancer = TestBalancer::start(&LONG_DRAIN, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&UPGRADE).await;
    assert!(client.read_head().await);
    balancer.signal_stop();
    balancer.stopped().await;
    assert_eq!(bytes::<4>(&mut client).await, GOING_AWAY);
}
