//! WebSockets pass through, and end with the balancer.

use crate::front::{Front, Kind, ROUND_ROBIN, in_time};
use crate::replica::Replica;
use crate::rig::{Rig, until};
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

either!(
    a_websocket_echoes_through_and_its_replica_learns_who_asked,
    a_websocket_ends_when_its_replica_drops_it,
);

async fn open(at: SocketAddr) -> Result<Socket, Error> {
    connect_async(format!("ws://{at}/ws")).await.map(|(socket, _)| socket)
}

async fn echo(socket: &mut Socket, message: Message) {
    socket.send(message.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), message);
}

async fn a_websocket_echoes_through_and_its_replica_learns_who_asked(kind: Kind) {
    let replica = Replica::start("r1").await;
    let front = Front::start(kind, ROUND_ROBIN, &[("r1", replica.address)]).await;
    let mut socket = open(front.address).await.unwrap();
    echo(&mut socket, Message::text("hello")).await;
    echo(&mut socket, Message::binary(vec![7; 300_000])).await;
    assert_eq!(replica.only_seen().headers["x-forwarded-for"], "127.0.0.1");
}

async fn a_websocket_ends_when_its_replica_drops_it(kind: Kind) {
    let replica = Replica::start("r1").await;
    let front = Front::start(kind, ROUND_ROBIN, &[("r1", replica.address)]).await;
    let mut socket = open(front.address).await.unwrap();
    socket.send(Message::text("die")).await.unwrap();
    in_time(async { while let Some(Ok(_)) = socket.next().await {} }).await;
}

#[tokio::test]
async fn a_websocket_counts_as_in_flight() {
    let replica = Replica::start("r1").await;
    let rig = Rig::start(&[], &[("r1", replica.address)]).await;
    let mut socket = open(rig.address).await.unwrap();
    echo(&mut socket, Message::text("hello")).await;
    assert_eq!(rig.status("r1").in_flight, 1);
    socket.close(None).await.unwrap();
    drop(socket);
    until("the tunnel is closed", || rig.status("r1").in_flight == 0).await;
}

#[tokio::test]
async fn a_websocket_is_cut_when_the_drain_deadline_has_passed() {
    let replica = Replica::start("r1").await;
    let flags = ["--drain-deadline-ms", "200"];
    let rig = Rig::start(&flags, &[("r1", replica.address)]).await;
    let mut socket = open(rig.address).await.unwrap();
    rig.tell_to_stop();
    echo(&mut socket, Message::text("still there")).await;
    rig.stopped().await;
    assert!(!matches!(socket.next().await, Some(Ok(_))));
}

#[tokio::test]
async fn a_refused_websocket_is_an_ordinary_reply() {
    let rig = Rig::start_empty(&[]).await;
    let Err(Error::Http(reply)) = open(rig.address).await else {
        panic!("nobody was there to open it");
    };
    assert_eq!(reply.status(), 503);
}
