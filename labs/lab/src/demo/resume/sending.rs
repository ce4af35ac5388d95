//! Two ways of sending a file, slowly enough to kill the replica half-way.

use anyhow::Context;
use api_contract::files::FileCreated;
use api_contract::headers::IDEMPOTENCY_KEY;
use api_contract::paths;
use bytes::Bytes;
use client::{Client, Credential, Form, Upload};
use futures_util::{Stream, StreamExt, stream};
use http::Method;
use http::header::CONTENT_TYPE;
use reqwest::Body;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Bytes of one write, and the pause before the next: about 6 MiB a second.
const WRITE_BYTES: usize = 64 * 1024;
const WRITE_INTERVAL: Duration = Duration::from_millis(10);

/// A file to upload.
pub(super) struct UploadFile {
    pub(super) name: &'static str,
    pub(super) bytes: Bytes,
}

/// The number of bytes that the client has sent.
#[derive(Clone, Debug, Default)]
pub(super) struct SentBytes(Arc<AtomicUsize>);

impl SentBytes {
    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// The bytes, chunk by chunk, counted.
    fn paced(&self, bytes: Bytes) -> impl Stream<Item = io::Result<Bytes>> + use<> {
        let counter = Arc::clone(&self.0);
        let size = bytes.len();
        let chunks = (0..size)
            .step_by(WRITE_BYTES)
            .map(move |at| bytes.slice(at..size.min(at + WRITE_BYTES)));
        stream::iter(chunks).then(move |chunk| {
            let counter = Arc::clone(&counter);
            async move {
                tokio::time::sleep(WRITE_INTERVAL).await;
                counter.fetch_add(chunk.len(), Ordering::Relaxed);
                Ok(chunk)
            }
        })
    }
}

/// `POST /api/upload`
pub(super) struct WholeUpload<'a> {
    client: &'a Client,
    credential: &'a Credential,
    form: Form,
    idempotency_key: String,
    sent: &'a SentBytes,
}

impl<'a> WholeUpload<'a> {
    pub(super) fn new(
        client: &'a Client,
        credential: &'a Credential,
        file: &UploadFile,
        sent: &'a SentBytes,
    ) -> Self {
        let form = Form::of(&Upload::new(file.name, file.bytes.clone()));
        Self {
            client,
            credential,
            form,
            idempotency_key: format!("demo-{}", file.name),
            sent,
        }
    }

    /// Sends the whole file.
    pub(super) async fn send(&self) -> anyhow::Result<()> {
        let request =
            self.client.authenticated(self.credential, Method::POST, paths::UPLOAD);
        let body = Body::wrap_stream(self.sent.paced(Bytes::from(self.form.body())));
        let request = request
            .header(IDEMPOTENCY_KEY, &self.idempotency_key)
            .header(CONTENT_TYPE, self.form.media_type())
            .body(body);
        self.client.json::<FileCreated>(request).await.done().map(drop)
    }
}

/// `POST /api/tus`, then `PATCH`.
pub(super) struct ChunkedUpload<'a> {
    client: &'a Client,
    credential: &'a Credential,
    bytes: Bytes,
    path: String,
    sent: &'a SentBytes,
}

impl<'a> ChunkedUpload<'a> {
    /// Creates an upload without bytes.
    pub(super) async fn create(
        client: &'a Client,
        credential: &'a Credential,
        file: &UploadFile,
        sent: &'a SentBytes,
    ) -> anyhow::Result<Self> {
        let bytes = file.bytes.clone();
        let request = client.tus_creation(credential, file.name, bytes.len());
        let reply = client.send(request).await?;
        let path = client.tus_path(&reply).context("a new upload has a Location")?;
        Ok(Self { client, credential, bytes, path, sent })
    }

    /// Sends the bytes from `offset`.
    pub(super) async fn send_from(&self, offset: usize) -> anyhow::Result<()> {
        let body = Body::wrap_stream(self.sent.paced(self.bytes.slice(offset..)));
        let request = self.client.tus_chunk(self.credential, &self.path, offset);
        let request = request.body(body);
        let reply = self.client.send(request).await?;
        anyhow::ensure!(reply.status.is_success(), "{}", reply.status);
        Ok(())
    }

    /// The offset that the server has stored.
    pub(super) async fn offset(&self) -> anyhow::Result<usize> {
        let request = self.client.tus_offset(self.credential, &self.path);
        let reply = self.client.send(request).await?;
        anyhow::ensure!(reply.status.is_success(), "{}", reply.status);
        reply.tus_offset().context("an upload has an offset")
    }
}
