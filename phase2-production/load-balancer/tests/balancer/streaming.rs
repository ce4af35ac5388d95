//! Bodies are passed on before they are complete.

use crate::any_balancer::{AnyBalancer, Kind, ROUND_ROBIN, in_time};
use crate::scripted::{OK, Scripted};
use crate::wire::Wire;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

either!(
    start_of_request_arrives_before_its_end,
    start_of_response_arrives_before_its_end,
    aborted_response_is_aborted_for_client,
    stopping_balancer_finishes_its_requests,
);

async fn start_of_request_arrives_before_its_end(kind: Kind) {
    let arrived = Arc::new(Notify::new());
    let report = Arc::clone(&arrived);
    let backend = Scripted::start(move |mut wire, _| {
        let report = Arc::clone(&report);
        async move {
            let mut half = [0; 5];
            wire.stream.read_exact(&mut half).await.unwrap();
            report.notify_one();
            wire.stream.read_exact(&mut half).await.unwrap();
            wire.send(OK).await;
        }
    })
    .await;
    let balancer =
        AnyBalancer::start(kind, ROUND_ROBIN, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&["POST /slow HTTP/1.1", "Host: x", "Content-Length: 10"]).await;
    client.send(b"first").await;
    in_time(arrived.notified()).await;
    client.send(b"then.").await;
    assert!(in_time(client.read_head()).await);
    assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
}

async fn start_of_response_arrives_before_its_end(kind: Kind) {
    let go = Arc::new(Notify::new());
    let resumed = Arc::clone(&go);
    let backend = Scripted::start(move |mut wire, _| {
        let resumed = Arc::clone(&resumed);
        async move {
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst").await;
            resumed.notified().await;
            wire.send(b"then.").await;
        }
    })
    .await;
    let balancer =
        AnyBalancer::start(kind, ROUND_ROBIN, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&["GET /slow HTTP/1.1", "Host: x"]).await;
    assert!(in_time(client.read_head()).await);
    let mut half = [0; 5];
    in_time(client.stream.read_exact(&mut half)).await.unwrap();
    assert_eq!(half, *b"first");
    go.notify_one();
    in_time(client.stream.read_exact(&mut half)).await.unwrap();
    assert_eq!(half, *b"then.");
}

async fn aborted_response_is_aborted_for_client(kind: Kind) {
    let backend = Scripted::start(|mut wire, _| async move {
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
            .await;
    })
    .await;
    let balancer =
        AnyBalancer::start(kind, ROUND_ROBIN, &[("r1", backend.address)]).await;
    let reply = balancer.client.get(balancer.url("/")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.bytes().await.unwrap_err();
}

async fn stopping_balancer_finishes_its_requests(kind: Kind) {
    let go = Arc::new(Notify::new());
    let (resumed, arrived) = (Arc::clone(&go), Arc::new(Notify::new()));
    let report = Arc::clone(&arrived);
    let backend = Scripted::start(move |mut wire, _| {
        let (resumed, report) = (Arc::clone(&resumed), Arc::clone(&report));
        async move {
            report.notify_one();
            resumed.notified().await;
            wire.send(OK).await;
        }
    })
    .await;
    let balancer =
        AnyBalancer::start(kind, ROUND_ROBIN, &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&["GET /slow HTTP/1.1", "Host: x", "Connection: close"]).await;
    in_time(arrived.notified()).await;
    balancer.signal_stop().await;
    in_time(async {
        while TcpStream::connect(balancer.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    go.notify_one();
    assert!(in_time(client.read_head()).await);
    assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
    balancer.stopped().await;
}
