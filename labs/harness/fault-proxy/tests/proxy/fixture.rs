//! An echo server, a proxy in front of it, and clients.

use fault_proxy::FaultProxy;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The maximum wait for an expected event.
pub(crate) const EVENT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time without bytes after which a connection counts as silent.
pub(crate) const SILENCE_TIMEOUT: Duration = Duration::from_millis(200);

/// A server that sends all bytes back.
pub(crate) async fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback works");
    let address = listener.local_addr().expect("loopback works");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.split();
                let _ended = tokio::io::copy(&mut from, &mut to).await;
                let _ended = to.shutdown().await;
            });
        }
    });
    address
}

pub(crate) async fn proxy() -> FaultProxy {
    FaultProxy::start(echo_server().await, 7).await.expect("loopback works")
}

pub(crate) async fn connect(proxy: &FaultProxy) -> TcpStream {
    let connection = TcpStream::connect(proxy.address()).await.expect("loopback works");
    connection.set_nodelay(true).expect("loopback works");
    connection
}

/// Sends some bytes and reads them back.
pub(crate) async fn round_trip(
    connection: &mut TcpStream,
    bytes: &[u8],
) -> io::Result<()> {
    connection.write_all(bytes).await?;
    let mut back = vec![0; bytes.len()];
    match tokio::time::timeout(EVENT_TIMEOUT, connection.read_exact(&mut back)).await {
        Ok(read) => read?,
        Err(_) => panic!("no answer"),
    };
    assert_eq!(back, bytes);
    Ok(())
}

/// Whether no byte arrives within the timeout.
pub(crate) async fn is_silent(connection: &mut TcpStream) -> bool {
    let mut byte = [0];
    tokio::time::timeout(SILENCE_TIMEOUT, connection.peek(&mut byte)).await.is_err()
}

pub(crate) async fn is_reset(connection: &mut TcpStream) -> bool {
    let mut byte = [0];
    let read = tokio::time::timeout(EVENT_TIMEOUT, connection.read(&mut byte)).await;
    let error =
        read.expect("the connection ends in time").err().map(|error| error.kind());
    error == Some(io::ErrorKind::ConnectionReset)
}
