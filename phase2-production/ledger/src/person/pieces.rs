//! Uploads in chunks (tus 1.0). Each request is an operation.

use super::{Came, Held, Person};
use crate::content::Content;
use crate::ending::Ending;
use crate::entry::{Act, Ended, Said};
use api_conformance::call_result::Reply;
use api_contract::paths;
use api_contract::uploads::{TUS_MEDIA_TYPE, TUS_VERSION, headers};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, LOCATION};
use reqwest::RequestBuilder;

/// A created upload, with its file and its URL path.
#[derive(Clone, Debug)]
pub struct Pieces {
    /// The file.
    pub content: Content,
    path: String,
}

/// The state of an upload in the reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The offset in bytes; [`None`] if the reply has none.
    pub offset: Option<usize>,
    /// The id of the completed file.
    pub file: Option<String>,
    /// Whether the upload does not exist (404, 410).
    pub gone: bool,
}

impl Person {
    /// Creates an upload in chunks.
    pub async fn begin_pieces(
        &self,
        held: &Held,
        content: Content,
    ) -> (Came, Option<Pieces>) {
        let act = Act::BeginPieces {
            credential: held.name.clone(),
            name: content.name.clone(),
            sha256: content.sha256.clone(),
        };
        let begun = self.recorder.begin(self.user, act, self.read_back);
        let metadata = format!("filename {}", STANDARD.encode(&content.name));
        let request = self
            .client
            .authenticated(&held.credential, Method::POST, paths::TUS)
            .header(headers::TUS_RESUMABLE, TUS_VERSION)
            .header(headers::UPLOAD_LENGTH, content.bytes.len())
            .header(headers::UPLOAD_METADATA, metadata);
        let (ending, reply) = Ending::of_headers(self.client.send(request).await);
        let came = Self::conclude(begun, ending, Said::Nothing);
        let path = reply.as_ref().and_then(|reply| reply.header(LOCATION));
        let path = path.map(|path| path.trim_start_matches(self.client.base_url()));
        (came, path.map(|path| Pieces { content, path: path.to_owned() }))
    }

    /// Sends the bytes from `from` to `to`.
    pub async fn send_piece(
        &self,
        held: &Held,
        pieces: &Pieces,
        from: usize,
        to: usize,
    ) -> (Came, Standing) {
        let act = Act::SendPiece {
            credential: held.name.clone(),
            name: pieces.content.name.clone(),
            from: from as u64,
            to: to as u64,
        };
        let request = self
            .client
            .authenticated(&held.credential, Method::PATCH, &pieces.path)
            .header(headers::TUS_RESUMABLE, TUS_VERSION)
            .header(headers::UPLOAD_OFFSET, from)
            .header(CONTENT_TYPE, TUS_MEDIA_TYPE)
            .body(pieces.content.bytes.slice(from..to));
        self.about_pieces(act, request).await
    }

    /// Reads the offset of an upload.
    pub async fn ask_offset(&self, held: &Held, pieces: &Pieces) -> (Came, Standing) {
        let act = Act::AskOffset {
            credential: held.name.clone(),
            name: pieces.content.name.clone(),
        };
        let request = self
            .client
            .authenticated(&held.credential, Method::HEAD, &pieces.path)
            .header(headers::TUS_RESUMABLE, TUS_VERSION);
        self.about_pieces(act, request).await
    }

    async fn about_pieces(&self, act: Act, request: RequestBuilder) -> (Came, Standing) {
        let begun = self.recorder.begin(self.user, act, self.read_back);
        let (ending, reply) = Ending::of_headers(self.client.send(request).await);
        let standing = Standing::of(reply.as_ref(), ending.ended);
        let said = match (&standing.file, standing.offset) {
            (Some(file), _) => Said::Stored { file: file.clone(), sha256: None },
            (None, Some(bytes)) => Said::Offset { bytes: bytes as u64 },
            (None, None) => Said::Nothing,
        };
        let came = Self::conclude(begun, ending, said);
        (came, standing)
    }
}

impl Standing {
    fn of(reply: Option<&Reply<Bytes>>, ended: Ended) -> Self {
        let ok = reply.filter(|_| ended == Ended::Ok);
        let header = |name: &str| ok.and_then(|reply| reply.header(name));
        Self {
            offset: header(headers::UPLOAD_OFFSET).and_then(|text| text.parse().ok()),
            file: header(headers::FILE_ID).map(str::to_owned),
            gone: reply.is_some_and(|reply| matches!(reply.status.as_u16(), 404 | 410)),
        }
    }
}
