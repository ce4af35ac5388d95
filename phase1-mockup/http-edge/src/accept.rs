//! The step between the TCP connection and HTTP: nothing, or a TLS handshake.

use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Prepares a connection for HTTP. It runs in the connection's own task, so a slow client
/// delays no other; the implementation limits its time.
pub trait Accept: Clone + Send + 'static {
    /// The stream on which HTTP is spoken.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Prepares one connection.
    ///
    /// # Errors
    /// When the connection is refused. It is closed, and the error is logged.
    fn accept(
        &self,
        stream: TcpStream,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Plain HTTP: the TCP connection as it is.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Accept for Plain {
    type Stream = TcpStream;

    async fn accept(&self, stream: TcpStream) -> io::Result<TcpStream> {
        Ok(stream)
    }
}
