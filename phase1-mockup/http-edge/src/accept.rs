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

    /// The TCP socket below a stream, which the server can end with a reset. Without it, a
    /// client of HTTP/1.0 takes a reply that is broken off for a complete one.
    fn socket(_stream: &Self::Stream) -> Option<&TcpStream> {
        None
    }
}

/// Plain HTTP: the TCP connection as it is.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Accept for Plain {
    type Stream = TcpStream;

    async fn accept(&self, stream: TcpStream) -> io::Result<TcpStream> {
        Ok(stream)
    }

    fn socket(stream: &TcpStream) -> Option<&TcpStream> {
        Some(stream)
    }
}
