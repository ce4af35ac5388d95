//! Without a toxic all bytes arrive in order.

use crate::fixture::{EVENT_TIMEOUT, connect, proxy, round_trip};
use fault_proxy::FaultProxy;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn all_bytes_arrive_and_half_close_leaves_other_direction_open() {
    let proxy = proxy().await;
    let mut connection = connect(&proxy).await;
    let sent: Vec<u8> = (0..=250).cycle().take(1_000_000).collect();
    let (mut from, mut to) = connection.split();
    let write = async {
        to.write_all(&sent).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let (_, read) = tokio::join!(write, from.read_to_end(&mut back));
    read.unwrap();
    assert_eq!(back, sent);
}

#[tokio::test]
async fn connections_are_counted_while_open() {
    let proxy = proxy().await;
    let mut first = connect(&proxy).await;
    round_trip(&mut first, b"one").await.unwrap();
    let mut second = connect(&proxy).await;
    round_trip(&mut second, b"two").await.unwrap();
    assert_eq!(proxy.connections(), 2);
    drop((first, second));
    let began = Instant::now();
    while proxy.connections() > 0 {
        assert!(began.elapsed() < EVENT_TIMEOUT);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn missing_server_resets_connection() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let proxy = FaultProxy::start(address, 7).await.unwrap();
    assert!(crate::fixture::is_reset(&mut connect(&proxy).await).await);
}
