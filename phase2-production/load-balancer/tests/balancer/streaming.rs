//! Bodies pass while they are being sent: nothing waits for their end.

use crate::front::{Front, Kind, ROUND_ROBIN, in_time};
use crate::scripted::{OK, Scripted};
use crate::wire::Wire;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

either!(
    the_beginning_of_a_request_arrives_before_its_end_was_sent,
    the_beginning_of_a_reply_arrives_before_its_end_was_sent,
    a_reply_that_breaks_off_breaks_off_for_the_client_too,
    a_balancer_told_to_stop_finishes_what_it_has,
);

async fn the_beginning_of_a_request_arrives_before_its_end_was_sent(kind: Kind) {
    let arrived = Arc::new(Notify::new());
    let tell = Arc::clone(&arrived);
    let backend = Scripted::start(move |mut wire, _| {
        let tell = Arc::clone(&tell);
        async move {
            let mut half = [0; 5];
            wire.stream.read_exact(&mut half).await.unwrap();
            tell.notify_one();
            wire.stream.read_exact(&mut half).await.unwrap();
            wire.send(OK).await;
        }
    })
    .await;
    let front = Front::start(kind, ROUND_ROBIN, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(front.address).await;
    client.send_head(&["POST /slow HTTP/1.1", "Host: x", "Content-Length: 10"]).await;
    client.send(b"first").await;
    in_time(arrived.notified()).await;
    client.send(b"then.").await;
    assert!(in_time(client.read_head()).await);
    assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
}

async fn the_beginning_of_a_reply_arrives_before_its_end_was_sent(kind: Kind) {
    let go = Arc::new(Notify::new());
    let told = Arc::clone(&go);
    let backend = Scripted::start(move |mut wire, _| {
        let told = Arc::clone(&told);
        async move {
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst").await;
            told.notified().await;
            wire.send(b"then.").await;
        }
    })
    .await;
    let front = Front::start(kind, ROUND_ROBIN, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(front.address).await;
    client.send_head(&["GET /slow HTTP/1.1", "Host: x"]).await;
    assert!(in_time(client.read_head()).await);
    let mut half = [0; 5];
    in_time(client.stream.read_exact(&mut half)).await.unwrap();
    assert_eq!(half, *b"first");
    go.notify_one();
    in_time(client.stream.read_exact(&mut half)).await.unwrap();
    assert_eq!(half, *b"then.");
}

async fn a_reply_that_breaks_off_breaks_off_for_the_client_too(kind: Kind) {
    let backend = Scripted::start(|mut wire, _| async move {
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
            .await;
    })
    .await;
    let front = Front::start(kind, ROUND_ROBIN, &[("r1", backend.address)]).await;
    let reply = front.client.get(front.url("/")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.bytes().await.unwrap_err();
}

async fn a_balancer_told_to_stop_finishes_what_it_has(kind: Kind) {
    let go = Arc::new(Notify::new());
    let (told, arrived) = (Arc::clone(&go), Arc::new(Notify::new()));
    let tell = Arc::clone(&arrived);
    let backend = Scripted::start(move |mut wire, _| {
        let (told, tell) = (Arc::clone(&told), Arc::clone(&tell));
        async move {
            tell.notify_one();
            told.notified().await;
            wire.send(OK).await;
        }
    })
    .await;
    let front = Front::start(kind, ROUND_ROBIN, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(front.address).await;
    client.send_head(&["GET /slow HTTP/1.1", "Host: x", "Connection: close"]).await;
    in_time(arrived.notified()).await;
    front.tell_to_stop().await;
    in_time(async {
        while TcpStream::connect(front.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    go.notify_one();
    assert!(in_time(client.read_head()).await);
    assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
    front.stopped().await;
}
