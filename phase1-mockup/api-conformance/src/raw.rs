//! One exchange over a bare connection, for requests that no HTTP library would send.

use anyhow::{Context, bail};
use http::StatusCode;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends `request` and returns the first status that comes back, an interim one
/// (100 Continue) included. The request may be incomplete.
///
/// # Errors
/// When there is no connection, or no status comes back in time.
pub async fn first_status(base_url: &str, request: &[u8]) -> anyhow::Result<StatusCode> {
    let exchange = tokio::time::timeout(PATIENCE, exchange(base_url, request));
    let line = exchange.await.context("no answer in ten seconds")??;
    let Some(code) = line.split(' ').nth(1) else {
        bail!("the answer begins with {line:?}");
    };
    Ok(StatusCode::from_bytes(code.as_bytes())?)
}

/// Sends `request`, hangs up, and returns when the server has closed its side, too.
///
/// # Errors
/// When there is no connection, or the server does not let go of it in time.
pub async fn hang_up_after(base_url: &str, request: &[u8]) -> anyhow::Result<()> {
    let mut connection = TcpStream::connect(authority(base_url)?).await?;
    connection.write_all(request).await?;
    connection.shutdown().await?;
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut answer));
    let _how_it_was_closed = closed.await.context("not closed in ten seconds")?;
    Ok(())
}

async fn exchange(base_url: &str, request: &[u8]) -> anyhow::Result<String> {
    let mut connection = TcpStream::connect(authority(base_url)?).await?;
    connection.write_all(request).await?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') {
        if connection.read_buf(&mut answer).await? == 0 {
            bail!("the connection was closed after {} bytes", answer.len());
        }
    }
    let text = String::from_utf8_lossy(&answer);
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
