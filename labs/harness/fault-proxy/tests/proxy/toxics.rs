//! The effect of each toxic, and of its removal.

use crate::fixture::{EVENT_TIMEOUT, connect, is_reset, is_silent, proxy, round_trip};
use fault_proxy::{Direction, Toxic};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const DELAY: Duration = Duration::from_millis(150);

#[tokio::test]
async fn latency_delays_existing_connection_until_healed() {
    let proxy = proxy().await;
    let mut connection = connect(&proxy).await;
    round_trip(&mut connection, b"before").await.unwrap();
    proxy.add_both(Toxic::Latency { delay: DELAY, jitter: Duration::ZERO });
    let began = Instant::now();
    round_trip(&mut connection, b"meanwhile").await.unwrap();
    let delayed = began.elapsed();
    assert!(delayed >= 2 * DELAY, "both directions: {delayed:?}");
    proxy.heal();
    // The minimum of several, because a busy machine can delay one.
    let mut fastest = delayed;
    for _ in 0..20 {
        let began = Instant::now();
        round_trip(&mut connection, b"after").await.unwrap();
        fastest = fastest.min(began.elapsed());
    }
    assert!(fastest < DELAY, "{fastest:?}");
}

#[tokio::test]
async fn latency_does_not_reduce_bandwidth() {
    let proxy = proxy().await;
    let mut connection = connect(&proxy).await;
    proxy.add(Direction::ToServer, Toxic::Latency { delay: DELAY, jitter: DELAY });
    let sent = vec![7; 1_000_000];
    let began = Instant::now();
    let (mut from, mut to) = connection.split();
    let mut back = vec![0; sent.len()];
    let (written, read) = tokio::join!(to.write_all(&sent), from.read_exact(&mut back));
    written.unwrap();
    read.unwrap();
    // If each chunk waited for the one before it, that would take more than 60 delays.
    assert!(began.elapsed() < 30 * DELAY, "{:?}", began.elapsed());
    assert_eq!(back, sent);
}

#[tokio::test]
async fn cut_stops_all_bytes_and_heal_delivers_them() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    round_trip(&mut old, b"before").await.unwrap();
    proxy.add_both(Toxic::Cut);
    let mut new = connect(&proxy).await;
    for connection in [&mut old, &mut new] {
        connection.write_all(b"meanwhile").await.unwrap();
    }
    assert!(is_silent(&mut old).await);
    assert!(is_silent(&mut new).await);
    proxy.heal();
    for mut connection in [old, new] {
        let mut back = [0; 9];
        connection.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"meanwhile");
    }
}

/// The server executes the request, and the reply is lost.
#[tokio::test]
async fn cut_in_one_direction_leaves_other_open() {
    let proxy = proxy().await;
    let mut connection = connect(&proxy).await;
    proxy.add(Direction::ToClient, Toxic::Cut);
    connection.write_all(b"done").await.unwrap();
    assert!(is_silent(&mut connection).await);
    assert_eq!(proxy.buffered_bytes(Direction::ToClient), 4, "the server has replied");
    proxy.reset_connections();
    assert!(is_reset(&mut connection).await);
    let began = Instant::now();
    while proxy.buffered_bytes(Direction::ToClient) > 0 {
        assert!(
            began.elapsed() < EVENT_TIMEOUT,
            "bytes of a closed connection are counted"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn reset_ends_existing_connections_and_new_ones_work() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    round_trip(&mut old, b"before").await.unwrap();
    proxy.reset_connections();
    assert!(is_reset(&mut old).await);
    round_trip(&mut connect(&proxy).await, b"after").await.unwrap();
}

#[tokio::test]
async fn bandwidth_limit_determines_transfer_time() {
    let proxy = proxy().await;
    let mut connection = connect(&proxy).await;
    let sent = vec![7; 100_000];
    let began = Instant::now();
    round_trip(&mut connection, &sent).await.unwrap();
    let unlimited = began.elapsed();
    proxy.add(Direction::ToClient, Toxic::Bandwidth { bytes_per_second: 200_000 });
    let began = Instant::now();
    round_trip(&mut connection, &sent).await.unwrap();
    let limited = began.elapsed();
    assert!(limited >= Duration::from_millis(400), "{limited:?}");
    assert!(limited > unlimited);
}

#[tokio::test]
async fn data_limit_resets_connection_after_its_bytes() {
    let proxy = proxy().await;
    let mut connection = connect(&proxy).await;
    proxy.add(Direction::ToClient, Toxic::LimitData { bytes: 5 });
    connection.write_all(b"0123456789").await.unwrap();
    let mut passed = [0; 5];
    connection.read_exact(&mut passed).await.unwrap();
    assert_eq!(&passed, b"01234");
    assert!(is_reset(&mut connection).await);
}
