//! Raw HTTP/1.1, for either end of a connection.

use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection on which messages are read and written unchanged.
pub(crate) struct Wire {
    pub(crate) stream: BufReader<TcpStream>,
    /// The latest message's head.
    pub(crate) head: String,
}

impl Wire {
    /// A connection that is already open.
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), head: String::new() }
    }

    /// Opens a connection.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    /// Sends a head of exactly these lines.
    pub(crate) async fn send_head(&mut self, lines: &[&str]) {
        let head = format!("{}\r\n\r\n", lines.join("\r\n"));
        self.send(head.as_bytes()).await;
    }

    /// Sends bytes; an error is ignored, because the other end may have closed.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _closed = self.stream.write_all(bytes).await;
    }

    /// Reads the next head. False: the other end has closed.
    pub(crate) async fn read_head(&mut self) -> bool {
        self.head.clear();
        while !self.head.ends_with("\r\n\r\n") {
            match self.stream.read_line(&mut self.head).await {
                Ok(0) | Err(_) => return false,
                Ok(_) => {}
            }
        }
        true
    }

    /// The first line of the latest head: the status line of a response.
    pub(crate) fn first_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// A header of the latest head.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The length of the body that follows the latest head; `None` if it is chunked.
    pub(crate) fn length(&self) -> Option<usize> {
        let chunked = self.header("transfer-encoding").is_some();
        let length = self.header("content-length").unwrap_or("0");
        (!chunked).then(|| length.parse().unwrap())
    }

    /// Reads the body that follows the latest head.
    pub(crate) async fn read_body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        if let Some(length) = self.length() {
            body.resize(length, 0);
            self.stream.read_exact(&mut body).await.unwrap();
            return body;
        }
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).await.unwrap();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk).await.unwrap();
            if size == 0 {
                return body;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    /// Whether the other end has closed without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        !matches!(self.stream.fill_buf().await, Ok(bytes) if !bytes.is_empty())
    }
}
