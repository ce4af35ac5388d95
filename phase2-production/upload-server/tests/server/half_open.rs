//! A half-open request: the server has read the head and accepted the credential, but the
//! body has not been sent. The server answers `100 Continue` at exactly this point.

use anyhow::{Context, ensure};
use api_conformance::fixture::Started;
use api_contract::paths;
use client::expect::equal;
use client::raw::authority;
use client::{Credential, Form, Upload};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The connection, and the body that is still to be sent.
pub(crate) struct HalfOpenRequest {
    connection: TcpStream,
    body: Vec<u8>,
}

impl HalfOpenRequest {
    /// Starts an upload in one form.
    pub(crate) async fn upload(
        at: &Started,
        credential: &Credential,
    ) -> anyhow::Result<Self> {
        let form = Form::of(&Upload::of_size("slow.bin", 10_000));
        let call = format!("POST {}", paths::UPLOAD);
        let head = format!("Content-Type: {}", form.media_type());
        Self::start(at, credential, &call, &head, form.body()).await
    }

    /// Starts any call with a body; `head` holds the headers besides credential and
    /// length.
    pub(crate) async fn start(
        at: &Started,
        credential: &Credential,
        call: &str,
        head: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Self> {
        let address = authority(&at.base_url)?.to_owned();
        let (name, value) = credential.header().context("a credential")?;
        let head = format!(
            "{call} HTTP/1.1\r\nHost: {address}\r\n{name}: {}\r\n{head}\r\n\
             Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
            value.to_str()?,
            body.len()
        );
        let mut connection = TcpStream::connect(&address).await?;
        connection.write_all(head.as_bytes()).await?;
        let mut response = vec![0; 25];
        connection.read_exact(&mut response).await?;
        equal("the response", response, b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())?;
        Ok(Self { connection, body })
    }

    /// Sends the body; returns the raw response.
    pub(crate) async fn finish(mut self) -> anyhow::Result<String> {
        self.connection.write_all(&self.body).await?;
        let mut response = Vec::new();
        self.connection.read_to_end(&mut response).await?;
        let response = String::from_utf8_lossy(&response).into_owned();
        ensure!(response.starts_with("HTTP/1.1 "), "no HTTP response");
        Ok(response)
    }
}
