//! The response with a file or a range of it, in constant memory.

use crate::ranges::{Selection, select};
use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use std::future::Future;
use std::io::{self, SeekFrom};
use std::ops::Range;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

/// Bytes read from disk at a time.
const CHUNK: usize = 64 * 1024;

/// Metadata of a file, known before its bytes are read.
#[derive(Clone, Copy, Debug)]
pub struct FileMetadata<'a> {
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal; it is also the entity tag.
    pub sha256: &'a str,
    /// The value of `Content-Disposition`.
    pub disposition: &'a str,
}

/// An open file with its metadata.
#[derive(Debug)]
pub struct StoredFile<'a> {
    /// Open for reading, at its beginning.
    pub file: File,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal; it is also the entity tag.
    pub sha256: &'a str,
    /// The value of `Content-Disposition`.
    pub disposition: &'a str,
}

/// The reply to a request for the bytes of a file on disk: see [`send_from`].
///
/// # Errors
/// When the disk cannot be read.
pub async fn send(
    stored: StoredFile<'_>,
    method: &Method,
    headers: &HeaderMap,
) -> io::Result<Response> {
    let StoredFile { mut file, size, sha256, disposition } = stored;
    let facts = FileMetadata { size, sha256, disposition };
    let read = async |range: Range<u64>| {
        file.seek(SeekFrom::Start(range.start)).await?;
        let bytes = file.take(range.end - range.start);
        Ok(Body::from_stream(ReaderStream::with_capacity(bytes, CHUNK)))
    };
    send_from(facts, method, headers, read).await
}

/// The reply to a request for the bytes: 200, 206, 304, 412 or 416. `read` is called with the
/// range that the reply needs, and only if it needs any.
///
/// # Errors
/// Those of `read`.
pub async fn send_from<E, Reading: Future<Output = Result<Body, E>>>(
    facts: FileMetadata<'_>,
    method: &Method,
    headers: &HeaderMap,
    read: impl FnOnce(Range<u64>) -> Reading,
) -> Result<Response, E> {
    let FileMetadata { size, sha256, disposition } = facts;
    let etag = format!("\"{sha256}\"");
    let (status, range) = match select(method, headers, size, &etag) {
        Selection::PreconditionFailed => {
            return Ok(condition_failed().into_response());
        }
        Selection::NotModified => (StatusCode::NOT_MODIFIED, None),
        Selection::Unsatisfiable => {
            let size = format!("bytes */{size}");
            return Ok(Refusal::new(ProblemKind::RangeNotSatisfiable)
                .header(CONTENT_RANGE, header_value(&size))
                .into_response());
        }
        Selection::Whole => (StatusCode::OK, Some(0..size)),
        Selection::Part(range) => {
            (StatusCode::PARTIAL_CONTENT, Some(*range.start()..range.end() + 1))
        }
    };
    let mut response = status.into_response();
    let reply = response.headers_mut();
    describe(reply, &etag, disposition);
    let Some(range) = range else {
        return Ok(response);
    };
    reply.insert(CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    if status == StatusCode::PARTIAL_CONTENT {
        let part = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        reply.insert(CONTENT_RANGE, header_value(&part));
    }
    if method != Method::HEAD {
        *response.body_mut() = read(range).await?;
    }
    Ok(response)
}

/// A stored file is untrusted input. It is sent as a download of a generic type, so that
/// the browser does not render it as a page of this site, and with a sandbox in case it
/// does (OWASP File Upload; ASVS 3.2.1).
fn describe(reply: &mut HeaderMap, etag: &str, disposition: &str) {
    reply.insert(ETAG, header_value(etag));
    reply.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    reply.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    reply.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    reply.insert(CONTENT_DISPOSITION, header_value(disposition));
    reply.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
}

/// The refusal of a request whose `If-Match` or `If-None-Match` does not hold.
#[must_use]
pub fn condition_failed() -> Refusal {
    Refusal::new(ProblemKind::PreconditionFailed)
        .detail("The file is not in the state that the request expects. Read it again.")
}

/// The callers pass ASCII. Any other text becomes an empty header instead of a panic.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
