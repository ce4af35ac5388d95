//! WebSockets through the balancer, and their end at its shutdown.

use crate::any_balancer::{AnyBalancer, Kind, ROUND_ROBIN, in_time};
use crate::fixture::{TestBalancer, until};
use crate::replica::Replica;
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

either!(
    websocket_passes_through_with_client_address,
    websocket_ends_when_replica_closes_it,
);

async fn open(at: SocketAddr) -> Result<Socket, Error> {
    connect_async(format!("ws://{at}/ws")).await.map(|(socket, _)| socket)
}

async fn echo(socket: &mut Socket, message: Message) {
    socket.send(message.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), message);
}

async fn websocket_passes_through_with_client_address(kind: Kind) {
    let replica = Replica::start("r1").await;
    let balancer =
        AnyBalancer::start(kind, ROUND_ROBIN, &[("r1", replica.address)]).await;
    let mut socket = open(balancer.address).await.unwrap();
    echo(&mut socket, Message::text("hello")).await;
    echo(&mut socket, Message::binary(vec![7; 300_000])).await;
    assert_eq!(replica.only_received().headers["x-forwarded-for"], "127.0.0.1");
}

async fn websocket_ends_when_replica_closes_it(kind: Kind) {
    let replica = Replica::start("r1").await;
    let balancer =
        AnyBalancer::start(kind, ROUND_ROBIN, &[("r1", replica.address)]).await;
    let mut socket = open(balancer.address).await.unwrap();
    socket.send(Message::text("die")).await.unwrap();
    in_time(async { while let Some(Ok(_)) = socket.next().await {} }).await;
}

#[tokio::test]
async fn websocket_counts_as_in_flight() {
    let replica = Replica::start("r1").await;
    let balancer = TestBalancer::start(&[], &[("r1", replica.address)]).await;
    let mut socket = open(balancer.address).await.unwrap();
    echo(&mut socket, Message::text("hello")).await;
    assert_eq!(balancer.status("r1").in_flight, 1);
    socket.close(None).await.unwrap();
    drop(socket);
    until("the tunnel is closed", || balancer.status("r1").in_flight == 0).await;
}

#[tokio::test]
async fn stopping_balancer_closes_websocket_with_1001() {
    let replica = Replica::start("r1").await;
    let flags = ["--drain-deadline-ms", "3600000"];
    let balancer = TestBalancer::start(&flags, &[("r1", replica.address)]).await;
    let mut socket = open(balancer.address).await.unwrap();
    echo(&mut socket, Message::text("hello")).await;
    balancer.signal_stop();
    let Some(Ok(Message::Close(Some(frame)))) = in_time(socket.next()).await else {
        panic!("no close frame");
    };
    assert_eq!(u16::from(frame.code), 1001);
    while let Some(Ok(_)) = in_time(socket.next()).await {}
    balancer.stopped().await;
}

#[tokio::test]
async fn refused_websocket_gets_ordinary_response() {
    let balancer = TestBalancer::start_empty(&[]).await;
    let Err(Error::Http(reply)) = open(balancer.address).await else {
        panic!("there is no backend");
    };
    assert_eq!(reply.status(), 503);
}
