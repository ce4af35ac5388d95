//! A server that sends everything back, a proxy before it, and clients.

use fault_proxy::FaultProxy;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Beyond which something that should happen has not.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// How long nothing has to happen to be taken for nothing.
pub(crate) const SILENCE: Duration = Duration::from_millis(200);

/// Sends back what it gets, and ends when its client does.
pub(crate) async fn echo() -> SocketAddr {
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
    FaultProxy::start(echo().await, 7).await.expect("loopback works")
}

pub(crate) async fn connect(proxy: &FaultProxy) -> TcpStream {
    let connection = TcpStream::connect(proxy.address()).await.expect("loopback works");
    connection.set_nodelay(true).expect("loopback works");
    connection
}

/// Sends some bytes and reads them back.
pub(crate) async fn says(connection: &mut TcpStream, what: &[u8]) -> io::Result<()> {
    connection.write_all(what).await?;
    let mut back = vec![0; what.len()];
    match tokio::time::timeout(DEADLINE, connection.read_exact(&mut back)).await {
        Ok(read) => read?,
        Err(_) => panic!("no answer"),
    };
    assert_eq!(back, what);
    Ok(())
}

/// Whether nothing comes for a while.
pub(crate) async fn is_silent(connection: &mut TcpStream) -> bool {
    let mut byte = [0];
    tokio::time::timeout(SILENCE, connection.peek(&mut byte)).await.is_err()
}

pub(crate) async fn is_reset(connection: &mut TcpStream) -> bool {
    let mut byte = [0];
    let read = tokio::time::timeout(DEADLINE, connection.read(&mut byte)).await;
    let error = read.expect("it ends").err().map(|error| error.kind());
    error == Some(io::ErrorKind::ConnectionReset)
}
