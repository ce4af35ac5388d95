//! Raw bytes on a connection, for requests that no library sends.

use anyhow::Context;
use client::Credential;
use client::raw::authority;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Time limit for a complete response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Without bytes for this time, an open connection counts as idle.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// The bytes received on a connection.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) text: String,
    /// Whether the server closed the connection; otherwise it was idle.
    pub(crate) closed: bool,
}

impl RawResponse {
    /// The statuses of all responses, including interim ones.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        let replies = self.text.split("HTTP/1.1 ").skip(1);
        replies.filter_map(|reply| reply.get(..3)?.parse().ok()).collect()
    }
}

/// A request head with host, credential and the header lines `lines`.
pub(crate) fn head(
    base_url: &str,
    credential: &Credential,
    request: &str,
    lines: &[&str],
) -> anyhow::Result<String> {
    let (name, value) = credential.header().context("a credential")?;
    let host = authority(base_url)?;
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let value = value.to_str()?;
    Ok(format!("{request} HTTP/1.1\r\nHost: {host}\r\n{name}: {value}\r\n{lines}\r\n"))
}

/// Opens a connection.
pub(crate) async fn connect(base_url: &str) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(authority(base_url)?).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends all bytes and reads until the server closes the connection or is idle.
pub(crate) async fn exchange(
    base_url: &str,
    request: impl AsRef<[u8]>,
) -> anyhow::Result<RawResponse> {
    let mut stream = connect(base_url).await?;
    // The server may close the connection early, before all bytes are written.
    let _refused_early = stream.write_all(request.as_ref()).await;
    read_response(&mut stream).await
}

/// Reads until the server closes the connection or is idle after its first bytes.
pub(crate) async fn read_response(stream: &mut TcpStream) -> anyhow::Result<RawResponse> {
    let (mut received, began) = (Vec::new(), Instant::now());
    let closed = loop {
        let wait = if received.is_empty() { RESPONSE_TIMEOUT } else { IDLE_TIMEOUT };
        match timeout(wait, stream.read_buf(&mut received)).await {
            Ok(Ok(0) | Err(_)) => break true,
            Ok(Ok(_)) if began.elapsed() < RESPONSE_TIMEOUT => {}
            Ok(Ok(_)) | Err(_) => break false,
        }
    };
    Ok(RawResponse { text: String::from_utf8_lossy(&received).into_owned(), closed })
}
