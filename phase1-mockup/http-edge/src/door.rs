//! What happens to a connection before HTTP is spoken on it: nothing, or a handshake.

use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// How connections are let in. Runs in the connection's own task, so a slow client keeps
/// nobody else waiting; how long it may take is for the door to say.
pub trait Door: Clone + Send + 'static {
    /// What HTTP is then spoken on.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Lets one connection in.
    ///
    /// # Errors
    /// When it is not let in. The connection is closed; the error goes to the log.
    fn enter(
        &self,
        stream: TcpStream,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Everybody comes in as they are.
#[derive(Clone, Copy, Debug)]
pub struct Open;

impl Door for Open {
    type Stream = TcpStream;

    async fn enter(&self, stream: TcpStream) -> io::Result<TcpStream> {
        Ok(stream)
    }
}
