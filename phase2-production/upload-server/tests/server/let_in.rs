//! A request that was let in and is not over: its head was read and its caller was believed,
//! and its body has not come yet. Only then does a server say that it wants the body.

use anyhow::{Context, ensure};
use api_conformance::expect::equal;
use api_conformance::fixture::Started;
use api_conformance::form::{Form, Upload};
use api_conformance::proof::Proof;
use api_conformance::raw::authority;
use api_contract::paths;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct LetIn {
    connection: TcpStream,
    body: Vec<u8>,
}

impl LetIn {
    /// An upload in one form.
    pub(crate) async fn to_upload(at: &Started, who: &Proof) -> anyhow::Result<Self> {
        let form = Form::of(&Upload::of_size("slow.bin", 10_000));
        let call = format!("POST {}", paths::UPLOAD);
        let head = format!("Content-Type: {}", form.media_type());
        Self::to_call(at, who, &call, &head, form.body()).await
    }

    /// Any call with a body; `head` is what it needs besides a proof and a length.
    pub(crate) async fn to_call(
        at: &Started,
        who: &Proof,
        call: &str,
        head: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Self> {
        let address = authority(&at.base_url)?.to_owned();
        let (name, proof) = who.header().context("a proof")?;
        let head = format!(
            "{call} HTTP/1.1\r\nHost: {address}\r\n{name}: {}\r\n{head}\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
            proof.to_str()?,
            body.len()
        );
        let mut connection = TcpStream::connect(&address).await?;
        connection.write_all(head.as_bytes()).await?;
        let mut answer = vec![0; 25];
        connection.read_exact(&mut answer).await?;
        equal("the answer", answer, b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())?;
        Ok(Self { connection, body })
    }

    /// Sends the body; returns the answer, as it comes over the wire.
    pub(crate) async fn finish(mut self) -> anyhow::Result<String> {
        self.connection.write_all(&self.body).await?;
        let mut answer = Vec::new();
        self.connection.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        ensure!(answer.starts_with("HTTP/1.1 "), "no answer");
        Ok(answer)
    }
}
