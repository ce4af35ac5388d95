//! Raw TCP exchanges, for requests that no HTTP library sends.

use anyhow::{Context, bail};
use http::StatusCode;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest time for a reply.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends `request`, which may be incomplete, and returns the first status of the reply, also an
/// interim one (100 Continue).
///
/// # Errors
/// When there is no connection, or no status in time.
pub async fn first_status(base_url: &str, request: &[u8]) -> anyhow::Result<StatusCode> {
    let exchange = tokio::time::timeout(REPLY_TIMEOUT, exchange(base_url, request));
    let line = exchange.await.context("no reply within ten seconds")??;
    let Some(code) = line.split(' ').nth(1) else {
        bail!("the reply starts with {line:?}");
    };
    Ok(StatusCode::from_bytes(code.as_bytes())?)
}

/// Sends `request`, disconnects, and returns when the server has closed its side as well.
///
/// # Errors
/// When there is no connection, or the server does not close it in time.
pub async fn disconnect_after(base_url: &str, request: &[u8]) -> anyhow::Result<()> {
    let mut connection = TcpStream::connect(authority(base_url)?).await?;
    connection.write_all(request).await?;
    connection.shutdown().await?;
    let mut reply = Vec::new();
    let closed = tokio::time::timeout(REPLY_TIMEOUT, connection.read_to_end(&mut reply));
    let _clean_or_reset = closed.await.context("not closed within ten seconds")?;
    Ok(())
}

async fn exchange(base_url: &str, request: &[u8]) -> anyhow::Result<String> {
    let mut connection = TcpStream::connect(authority(base_url)?).await?;
    connection.write_all(request).await?;
    let mut reply = Vec::new();
    while !reply.contains(&b'\n') {
        if connection.read_buf(&mut reply).await? == 0 {
            bail!("the connection was closed after {} bytes", reply.len());
        }
    }
    let text = String::from_utf8_lossy(&reply);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Host and port of a base URL.
///
/// # Errors
/// When it is not plain HTTP.
pub fn authority(base_url: &str) -> anyhow::Result<&str> {
    let rest = base_url.strip_prefix("http://");
    rest.with_context(|| format!("{base_url} is not plain HTTP"))
}
