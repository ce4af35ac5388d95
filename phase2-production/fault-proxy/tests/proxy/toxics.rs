//! What each toxic does, and that its end is an end.

use crate::rig::{DEADLINE, connect, is_reset, is_silent, proxy, says};
use fault_proxy::{Direction, Toxic};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const DELAY: Duration = Duration::from_millis(150);

#[tokio::test]
async fn latency_delays_a_connection_that_exists_and_only_until_it_is_healed() {
    let proxy = proxy().await;
    let mut connection = connect(&proxy).await;
    says(&mut connection, b"before").await.unwrap();
    proxy.add_both(Toxic::Latency { delay: DELAY, jitter: Duration::ZERO });
    let began = Instant::now();
    says(&mut connection, b"meanwhile").await.unwrap();
    let late = began.elapsed();
    assert!(late >= 2 * DELAY, "there and back: {late:?}");
    proxy.heal();
    // A busy machine may be late by itself, but not each time.
    let mut soonest = late;
    for _ in 0..20 {
        let began = Instant::now();
        says(&mut connection, b"after").await.unwrap();
        soonest = soonest.min(began.elapsed());
    }
    assert!(soonest < DELAY, "{soonest:?}");
}

#[tokio::test]
async fn latency_does_not_narrow_the_pipe() {
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
    // One after the other, its pieces would take more than 60 delays.
    assert!(began.elapsed() < 30 * DELAY, "{:?}", began.elapsed());
    assert_eq!(back, sent);
}

#[tokio::test]
async fn a_cut_passes_nothing_and_tells_nobody_and_mended_it_loses_nothing() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    says(&mut old, b"before").await.unwrap();
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

/// The server does what it was asked to, and the answer is lost.
#[tokio::test]
async fn a_cut_in_one_direction_leaves_the_other_open() {
    let proxy = proxy().await;
    let mut connection = connect(&proxy).await;
    proxy.add(Direction::ToClient, Toxic::Cut);
    connection.write_all(b"done").await.unwrap();
    assert!(is_silent(&mut connection).await);
    assert_eq!(proxy.held_back(Direction::ToClient), 4, "the answer was given");
    proxy.reset_connections();
    assert!(is_reset(&mut connection).await);
    let began = Instant::now();
    while proxy.held_back(Direction::ToClient) > 0 {
        assert!(began.elapsed() < DEADLINE, "it is counted although it is gone");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn connections_can_be_reset_once_and_new_ones_are_not_harmed() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    says(&mut old, b"before").await.unwrap();
    proxy.reset_connections();
    assert!(is_reset(&mut old).await);
    says(&mut connect(&proxy).await, b"after").await.unwrap();
}

#[tokio::test]
async fn a_narrow_pipe_takes_the_time_that_its_width_says() {
    let proxy = proxy().await;
    let mut connection = connect(&proxy).await;
    let sent = vec![7; 100_000];
    let began = Instant::now();
    says(&mut connection, &sent).await.unwrap();
    let wide = began.elapsed();
    proxy.add(Direction::ToClient, Toxic::Bandwidth { bytes_per_second: 200_000 });
    let began = Instant::now();
    says(&mut connection, &sent).await.unwrap();
    let narrow = began.elapsed();
    assert!(narrow >= Duration::from_millis(400), "{narrow:?}");
    assert!(narrow > wide);
}

#[tokio::test]
async fn a_limit_lets_so_many_bytes_pass_and_then_resets() {
    let proxy = proxy().await;
    let mut connection = connect(&proxy).await;
    proxy.add(Direction::ToClient, Toxic::LimitData { bytes: 5 });
    connection.write_all(b"0123456789").await.unwrap();
    let mut passed = [0; 5];
    connection.read_exact(&mut passed).await.unwrap();
    assert_eq!(&passed, b"01234");
    assert!(is_reset(&mut connection).await);
}
