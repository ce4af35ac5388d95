//! Bytes on a connection, as no library would send them.

use anyhow::Context;
use api_conformance::proof::Proof;
use api_conformance::raw::authority;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// How long an answer may take to come whole.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing has to come before a connection that stays open counts as silent.
const SILENCE: Duration = Duration::from_secs(1);

/// What came back on a connection.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) text: String,
    /// Whether the other side closed it. Otherwise it stood still.
    pub(crate) closed: bool,
}

impl Heard {
    /// The statuses of all replies, interim ones included.
    pub(crate) fn statuses(&self) -> Vec<u16> {
        let replies = self.text.split("HTTP/1.1 ").skip(1);
        replies.filter_map(|reply| reply.get(..3)?.parse().ok()).collect()
    }
}

/// A head that names host and caller, as one piece of text; `lines` follow.
pub(crate) fn head(
    base_url: &str,
    proof: &Proof,
    request: &str,
    lines: &[&str],
) -> anyhow::Result<String> {
    let (name, value) = proof.header().context("a proof")?;
    let host = authority(base_url)?;
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let proof = value.to_str()?;
    Ok(format!("{request} HTTP/1.1\r\nHost: {host}\r\n{name}: {proof}\r\n{lines}\r\n"))
}

/// Opens a connection.
pub(crate) async fn connect(base_url: &str) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(authority(base_url)?).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends everything at once and listens until the other side closes or is silent.
pub(crate) async fn exchange(
    base_url: &str,
    request: impl AsRef<[u8]>,
) -> anyhow::Result<Heard> {
    let mut stream = connect(base_url).await?;
    // A server that refuses early may close while this is still being written.
    let _refused_early = stream.write_all(request.as_ref()).await;
    listen(&mut stream).await
}

/// Listens until the other side closes or is silent after having said something.
pub(crate) async fn listen(stream: &mut TcpStream) -> anyhow::Result<Heard> {
    let (mut heard, began) = (Vec::new(), Instant::now());
    let closed = loop {
        let wait = if heard.is_empty() { PATIENCE } else { SILENCE };
        match timeout(wait, stream.read_buf(&mut heard)).await {
            Ok(Ok(0) | Err(_)) => break true,
            Ok(Ok(_)) if began.elapsed() < PATIENCE => {}
            Ok(Ok(_)) | Err(_) => break false,
        }
    };
    Ok(Heard { text: String::from_utf8_lossy(&heard).into_owned(), closed })
}
