//! One connection, one request at a time.
//!
//! The client shares the machine with the servers. Its own work slows all of them down and
//! hides their differences, so it reads only the status and the length of the body.

use crate::request::Request;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Largest reply in bytes; a longer one is an error.
const MAX_REPLY_BYTES: usize = 64 * 1024;

/// Largest number of header lines of a reply.
const MAX_HEADERS: usize = 64;

/// A kept-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    body: Range<usize>,
}

/// The head of a reply.
struct Head {
    status: u16,
    length: usize,
    body: usize,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; MAX_REPLY_BYTES], body: 0..0 })
    }

    /// Sends a request, waits for the whole reply and returns its status.
    ///
    /// # Errors
    /// When the connection breaks, or the reply is not HTTP/1.1 with a length.
    pub(crate) async fn round_trip(&mut self, request: &Request) -> io::Result<u16> {
        self.send(request).await?;
        self.read_reply().await
    }

    /// Sends bytes of a request.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Waits for the whole reply and returns its status.
    pub(crate) async fn read_reply(&mut self) -> io::Result<u16> {
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            let Some(head) = head(&self.buffer[..filled])? else {
                continue;
            };
            let end = head.body + head.length;
            if end > self.buffer.len() {
                return Err(io::Error::other("the answer is longer than expected"));
            }
            if filled < end {
                filled += self.stream.read_exact(&mut self.buffer[filled..end]).await?;
            }
            if filled > end {
                return Err(io::Error::other("there is more than the answer"));
            }
            self.body = head.body..end;
            return Ok(head.status);
        }
    }

    /// The cookie that the last reply set, as it is sent back.
    pub(crate) fn cookie(&self) -> Option<&str> {
        let head = std::str::from_utf8(&self.buffer[..self.body.start]).ok()?;
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let mut set = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        set.next()?.1.split(';').next()
    }

    /// The body of the last reply.
    pub(crate) fn body(&self) -> &[u8] {
        &self.buffer[self.body.clone()]
    }
}

/// The head of a reply, if it is complete.
fn head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut lines);
    let parsed = response.parse(bytes).map_err(io::Error::other)?;
    let httparse::Status::Complete(body) = parsed else {
        return Ok(None);
    };
    let status = response.code.unwrap_or_default();
    let length = response
        .headers
        .iter()
        .find(|line| line.name.eq_ignore_ascii_case("content-length"))
        .and_then(|line| std::str::from_utf8(line.value).ok()?.trim().parse().ok());
    let length = length.ok_or_else(|| io::Error::other("an answer without a length"))?;
    Ok(Some(Head { status, length, body }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// A server that sends these pieces one after another to every client.
    async fn answers(pieces: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _asked = stream.read(&mut [0; 1_024]).await.unwrap();
            for piece in pieces {
                stream.write_all(piece.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        address
    }

    async fn asked(pieces: &'static [&'static str]) -> io::Result<(u16, Vec<u8>)> {
        let mut connection = Connection::open(answers(pieces).await).await?;
        let status = connection.round_trip(&b"GET / HTTP/1.1\r\n\r\n".to_vec()).await?;
        Ok((status, connection.body().to_vec()))
    }

    #[tokio::test]
    async fn reply_in_pieces_is_read_to_its_end() {
        let pieces =
            &["HTTP/1.1 404 Not", " Found\r\nContent-Length: 5\r\n\r\nhe", "llo"];
        let (status, body) = asked(pieces).await.unwrap();
        assert_eq!((status, body.as_slice()), (404, b"hello".as_slice()));
    }

    #[tokio::test]
    async fn a_connection_that_ends_within_an_answer_is_an_error() {
        let pieces = &["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"];
        let error = asked(pieces).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn reply_without_a_length_is_an_error() {
        let pieces = &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"];
        assert!(asked(pieces).await.is_err());
    }
}
