//! Reading a multipart form up to its file part.

mod disposition;

use crate::causes::has_cause;
use crate::limited_body::{ByteLimit, LimitExceeded, LimitedBody, MAX_CHUNK};
use crate::media_type;
use crate::min_rate_body::TooSlow;
use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use disposition::Disposition;
use futures_util::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use http_body::Body as _;
use multer::{Field, Multipart};
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Parts that a form may have. The parser limits the headers of a part but not the number of
/// parts, and a million tiny ones would cost a second of CPU.
pub const MAX_PARTS: usize = 20;

/// The name of the part that holds the file.
pub const FILE_PART: &str = "file";

/// Bytes that a form may have around its file. More than one chunk, because a chunk may hold
/// the end of the headers and much of the file.
const MAX_OVERHEAD: u64 = 2 * MAX_CHUNK as u64;

/// A multipart form, unread.
#[derive(Debug)]
pub struct UploadForm {
    boundary: String,
    /// `Content-Length`, if the client sent it.
    content_length: Option<u64>,
    body: Body,
}

impl<S: Send + Sync> FromRequest<S> for UploadForm {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        let content_type = request.headers().get(CONTENT_TYPE);
        let boundary = content_type
            .and_then(|value| value.to_str().ok())
            .and_then(|text| multer::parse_boundary(text).ok())
            .ok_or_else(|| {
                Refusal::new(ProblemKind::UnsupportedMediaType).detail(
                    "Send multipart/form-data with a boundary and a part named file.",
                )
            })?;
        let content_length = request.body().size_hint().exact();
        Ok(Self { boundary, content_length, body: request.into_body() })
    }
}

impl UploadForm {
    /// Begins to read a form with a file of at most `max_size` bytes. A larger
    /// `Content-Length` is refused before the client sends the body (RFC 9110 §10.1.1).
    ///
    /// # Errors
    /// When `Content-Length` exceeds the limit.
    pub fn open(self, max_size: u64) -> Result<FormParts, Refusal> {
        let max_length = max_size.saturating_add(MAX_OVERHEAD);
        if self.content_length.is_some_and(|length| length > max_length) {
            return Err(too_large(max_size));
        }
        let limit = ByteLimit::default();
        limit.allow_more(MAX_OVERHEAD);
        let body = LimitedBody::new(self.body, limit.clone());
        let read = Body::new(body.clone()).into_data_stream();
        let boundary_size = self.boundary.len() as u64;
        let multipart = Multipart::new(read, self.boundary);
        let content_length = self.content_length;
        Ok(FormParts {
            multipart,
            body,
            parts: 0,
            limit,
            max_size,
            boundary_size,
            content_length,
        })
    }
}

/// The parts of a form, one after the other. Their content is streamed, never buffered.
#[derive(Debug)]
pub struct FormParts {
    multipart: Multipart<'static>,
    /// The body that the parser reads, up to the last boundary.
    body: LimitedBody,
    parts: usize,
    limit: ByteLimit,
    /// Bytes that the file may have.
    max_size: u64,
    boundary_size: u64,
    content_length: Option<u64>,
}

impl FormParts {
    /// The file part. An empty part without a file name is none: a browser sends it for a form
    /// in which no file is selected (HTML Standard, "constructing the entry list").
    ///
    /// # Errors
    /// When there is none, or the form is broken.
    pub async fn file(&mut self) -> Result<FilePart, Refusal> {
        let missing = || {
            Refusal::new(ProblemKind::MissingFilePart)
                .detail("Select a file, and send it in a form part named file.")
        };
        let (mut field, name) = self.next_file().await?.ok_or_else(missing)?;
        self.limit.allow_file(self.max_size.saturating_add(MAX_OVERHEAD));
        let first = first_bytes(&mut field).await.map_err(|error| read_error(&error))?;
        if first.is_none() && name.as_ref().is_none_or(String::is_empty) {
            return Err(missing());
        }
        Ok(FilePart { field, name: name.unwrap_or_default(), first })
    }

    /// The size of the file by `Content-Length`, if the form has no other part and is
    /// written without superfluous spaces. Otherwise it is an estimate.
    #[must_use]
    pub fn announced_size(&self, file: &FilePart) -> Option<u64> {
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            name.as_str().len() + ": ".len() + value.len() + "\r\n".len()
        };
        let headers: usize = file.field.headers().iter().map(line).sum();
        let fixed = "--\r\n".len() + "\r\n".len() + "\r\n----\r\n".len();
        let around = 2 * self.boundary_size + (headers + fixed) as u64;
        Some(self.content_length?.saturating_sub(around))
    }

    /// Reads the rest of the form. A second file is refused, because it would be lost
    /// silently. A form without an end, and a body shorter than its `Content-Length`, are
    /// incomplete (RFC 9112 §8).
    ///
    /// # Errors
    /// When the rest of the form is malformed or incomplete.
    pub async fn finish(mut self) -> Result<(), Refusal> {
        self.limit.allow_more(MAX_OVERHEAD);
        match self.next_file().await? {
            None => self.body.drain().await.map_err(|error| read_error(&error)),
            Some(_) => Err(Refusal::new(ProblemKind::MalformedRequest)
                .detail("Send one file a request: the form has two parts named file.")),
        }
    }

    /// The next part with a file, and the name of the file.
    async fn next_file(
        &mut self,
    ) -> Result<Option<(Field<'static>, Option<String>)>, Refusal> {
        loop {
            let field = self.multipart.next_field().await;
            let Some(field) = field.map_err(|error| read_error(&error))? else {
                return Ok(None);
            };
            self.parts += 1;
            if self.parts > MAX_PARTS {
                return Err(Refusal::new(ProblemKind::TooManyParts)
                    .detail(format!("A form may have {MAX_PARTS} parts.")));
            }
            let names = Disposition::of(field.headers());
            if names.name.as_deref() == Some(FILE_PART) {
                return Ok(Some((field, names.file_name)));
            }
        }
    }
}

/// The first chunk that is not empty; the parser also returns empty ones.
async fn first_bytes(field: &mut Field<'static>) -> multer::Result<Option<Bytes>> {
    while let Some(chunk) = field.chunk().await? {
        if !chunk.is_empty() {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}

/// The file of a form: its declared properties, and its bytes as a stream.
#[derive(Debug)]
pub struct FilePart {
    field: Field<'static>,
    name: String,
    /// The chunk that was read to see whether there is a file.
    first: Option<Bytes>,
}

impl FilePart {
    /// The file name that the client gave; empty if it gave none.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.name
    }

    /// The media type that the client declared.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn media_type(&self) -> Result<String, Refusal> {
        media_type::declared(self.field.content_type().map(AsRef::as_ref))
    }
}

impl Stream for FilePart {
    type Item = Result<Bytes, multer::Error>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => Pin::new(&mut self.field).poll_next(context),
        }
    }
}

/// The refusal of a file with more than `max_size` bytes.
#[must_use]
pub fn too_large(max_size: u64) -> Refusal {
    Refusal::new(ProblemKind::UploadTooLarge)
        .detail(format!("A file may have {max_size} bytes."))
}

/// The refusal for an error while reading the form.
#[must_use]
pub fn read_error(error: &(dyn Error + 'static)) -> Refusal {
    if has_cause::<TooSlow>(error) {
        return TooSlow::refusal();
    }
    if has_cause::<LimitExceeded>(error) {
        return Refusal::new(ProblemKind::UploadTooLarge)
            .detail("The form has too much around its file.");
    }
    Refusal::new(ProblemKind::MalformedRequest)
        .detail("The form is broken or ended before its last boundary.")
}

#[cfg(test)]
mod tests;
