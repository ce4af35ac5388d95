//! Readiness probes of servers, without a client library.

use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The timeout of one probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The protocol of a probe.
#[derive(Clone, Debug)]
pub(crate) enum Probe {
    /// `AUTH` and `PING`. Only `+OK` and `+PONG` count as ready; `-LOADING` does not.
    Redis { password: String },
    /// A startup message. A ready server asks for the password; a server that starts or
    /// stops replies with an error.
    Postgres,
    /// Any HTTP reply counts as ready.
    Http,
}

/// Whether a server accepts connections on this port of 127.0.0.1.
pub(crate) async fn listens(port: u16) -> bool {
    let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    matches!(tokio::time::timeout(PROBE_TIMEOUT, connection).await, Ok(Ok(_)))
}

impl Probe {
    /// Whether the server on this port of 127.0.0.1 is ready for clients.
    pub(crate) async fn answers(&self, port: u16) -> bool {
        let result = tokio::time::timeout(PROBE_TIMEOUT, self.send(port)).await;
        result.is_ok_and(|ready| ready.unwrap_or(false))
    }

    async fn send(&self, port: u16) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(&self.request()).await?;
        let expected = self.expected();
        let mut reply = vec![0; expected.len()];
        stream.read_exact(&mut reply).await?;
        Ok(reply == expected)
    }

    fn request(&self) -> Vec<u8> {
        match self {
            Self::Redis { password } => format!(
                "*2\r\n$4\r\nAUTH\r\n${}\r\n{password}\r\n*1\r\n$4\r\nPING\r\n",
                password.len()
            )
            .into_bytes(),
            Self::Postgres => {
                let body = b"\0\x03\0\0user\0lab\0database\0postgres\0\0";
                let length = u32::try_from(body.len() + 4).unwrap_or_default();
                [&length.to_be_bytes()[..], body].concat()
            }
            Self::Http => b"GET / HTTP/1.0\r\n\r\n".to_vec(),
        }
    }

    const fn expected(&self) -> &'static [u8] {
        match self {
            Self::Redis { .. } => b"+OK\r\n+PONG\r\n",
            Self::Postgres => b"R",
            Self::Http => b"HTTP/1.",
        }
    }
}
