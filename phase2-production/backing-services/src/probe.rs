//! Does it answer? Asked in the server's own language, without a client library.

use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(1);

/// How to ask.
#[derive(Clone, Debug)]
pub(crate) enum Probe {
    /// `AUTH` and `PING`: anything but two good answers (such as `-LOADING`) is a no.
    Redis { password: String },
    /// A startup message: a server that is ready asks for the password, one that is
    /// starting or stopping says so.
    Postgres,
    /// Any HTTP answer will do.
    Http,
}

impl Probe {
    /// Whether the server on this port of 127.0.0.1 is ready for clients.
    pub(crate) async fn answers(&self, port: u16) -> bool {
        let asked = tokio::time::timeout(LIMIT, self.ask(port)).await;
        asked.is_ok_and(|answer| answer.unwrap_or(false))
    }

    async fn ask(&self, port: u16) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(&self.question()).await?;
        let expected = self.expected();
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).await?;
        Ok(answer == expected)
    }

    fn question(&self) -> Vec<u8> {
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
