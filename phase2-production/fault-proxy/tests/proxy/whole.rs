//! Without a toxic: what goes in comes out, in order, to the end.

use crate::rig::{DEADLINE, connect, proxy, says};
use fault_proxy::FaultProxy;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn what_goes_in_comes_out_and_a_half_that_is_closed_leaves_the_other_open() {
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
async fn connections_are_counted_while_they_are_open() {
    let proxy = proxy().await;
    let mut first = connect(&proxy).await;
    says(&mut first, b"one").await.unwrap();
    let mut second = connect(&proxy).await;
    says(&mut second, b"two").await.unwrap();
    assert_eq!(proxy.connections(), 2);
    drop((first, second));
    let began = Instant::now();
    while proxy.connections() > 0 {
        assert!(began.elapsed() < DEADLINE);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_reset() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let proxy = FaultProxy::start(address, 7).await.unwrap();
    assert!(crate::rig::is_reset(&mut connect(&proxy).await).await);
}
