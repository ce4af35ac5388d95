//! Uploads in chunks (tus 1.0). Each request is an operation.

use super::{CallOutcome, LoginCredential, VirtualUser};
use crate::completion::Completion;
use crate::content::TestFile;
use crate::entry::{Operation, OperationOutcome, ReplyValue};
use bytes::Bytes;
use client::Reply;
use reqwest::RequestBuilder;

/// A created upload, with its file and its URL path.
#[derive(Clone, Debug)]
pub struct ChunkedUpload {
    /// The file.
    pub content: TestFile,
    path: String,
}

/// The state of an upload in the reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadState {
    /// The offset in bytes; [`None`] if the reply has none.
    pub offset: Option<usize>,
    /// The id of the completed file.
    pub file_id: Option<String>,
    /// Whether the upload does not exist (404, 410).
    pub gone: bool,
}

impl VirtualUser {
    /// Creates an upload in chunks.
    pub async fn create_upload(
        &self,
        login: &LoginCredential,
        content: TestFile,
    ) -> (CallOutcome, Option<ChunkedUpload>) {
        let operation = Operation::CreateUpload {
            credential: login.name.clone(),
            name: content.name.clone(),
            sha256: content.sha256.clone(),
        };
        let pending = self.invoke(operation);
        let request = self.client.tus_creation(
            &login.credential,
            &content.name,
            content.bytes.len(),
        );
        let (completion, reply) = Completion::of_headers(self.client.send(request).await);
        let call = Self::complete(pending, completion, ReplyValue::Nothing);
        let path = reply.and_then(|reply| self.client.tus_path(&reply));
        (call, path.map(|path| ChunkedUpload { content, path }))
    }

    /// Sends the bytes from `from` to `to`.
    pub async fn send_chunk(
        &self,
        login: &LoginCredential,
        upload: &ChunkedUpload,
        from: usize,
        to: usize,
    ) -> (CallOutcome, UploadState) {
        let operation = Operation::SendChunk {
            credential: login.name.clone(),
            name: upload.content.name.clone(),
            from: from as u64,
            to: to as u64,
        };
        let request = self
            .client
            .tus_chunk(&login.credential, &upload.path, from)
            .body(upload.content.bytes.slice(from..to));
        self.execute_chunked(operation, request).await
    }

    /// Reads the offset of an upload.
    pub async fn read_offset(
        &self,
        login: &LoginCredential,
        upload: &ChunkedUpload,
    ) -> (CallOutcome, UploadState) {
        let operation = Operation::ReadOffset {
            credential: login.name.clone(),
            name: upload.content.name.clone(),
        };
        let request = self.client.tus_offset(&login.credential, &upload.path);
        self.execute_chunked(operation, request).await
    }

    async fn execute_chunked(
        &self,
        operation: Operation,
        request: RequestBuilder,
    ) -> (CallOutcome, UploadState) {
        let pending = self.invoke(operation);
        let (completion, reply) = Completion::of_headers(self.client.send(request).await);
        let state = UploadState::of(reply.as_ref(), completion.outcome);
        let value = match (&state.file_id, state.offset) {
            (Some(file_id), _) => {
                ReplyValue::Stored { file_id: file_id.clone(), sha256: None }
            }
            (None, Some(bytes)) => ReplyValue::Offset { bytes: bytes as u64 },
            (None, None) => ReplyValue::Nothing,
        };
        let call = Self::complete(pending, completion, value);
        (call, state)
    }
}

impl UploadState {
    fn of(reply: Option<&Reply<Bytes>>, outcome: OperationOutcome) -> Self {
        let ok = reply.filter(|_| outcome == OperationOutcome::Ok);
        Self {
            offset: ok.and_then(Reply::tus_offset),
            file_id: ok.and_then(Reply::tus_file_id).map(str::to_owned),
            gone: reply.is_some_and(|reply| matches!(reply.status.as_u16(), 404 | 410)),
        }
    }
}
