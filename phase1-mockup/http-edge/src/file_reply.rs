//! Sending a file, or the part of it that was asked for, in constant memory.

use crate::ranges::{Conditions, Selection, select};
use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::io::{self, SeekFrom};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

/// Bytes read from disk at a time.
const CHUNK: usize = 64 * 1024;

/// A file as it stands on disk.
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

/// The reply to a request for the bytes: 200, 206, 304 or 416.
///
/// A stored file is somebody's input, and is never shown as a page of ours: it is a
/// download of no particular type, in a sandbox if it is opened all the same (OWASP File
/// Upload; ASVS 3.2.1).
///
/// # Errors
/// When the disk cannot be read.
pub async fn send(
    stored: StoredFile<'_>,
    method: &Method,
    headers: &HeaderMap,
) -> io::Result<Response> {
    let etag = format!("\"{}\"", stored.sha256);
    let known = joined(headers, IF_NONE_MATCH);
    let conditions = conditions(method, headers, known.as_deref());
    let mut response = match select(stored.size, &etag, conditions) {
        Selection::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Selection::Unsatisfiable => {
            let size = format!("bytes */{}", stored.size);
            return Ok(Refusal::new(ProblemKind::RangeNotSatisfiable)
                .header(CONTENT_RANGE, header_value(&size))
                .into_response());
        }
        Selection::Whole => whole(stored.file, stored.size),
        Selection::Part(range) => {
            part(stored.file, *range.start(), *range.end(), stored.size).await?
        }
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, header_value(&etag));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_DISPOSITION, header_value(stored.disposition));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    Ok(response)
}

/// The conditions of a request. Ranges are for GET alone (RFC 9110 §14.2); a validator
/// that cannot be read matches nothing.
fn conditions<'a>(
    method: &Method,
    headers: &'a HeaderMap,
    if_none_match: Option<&'a str>,
) -> Conditions<'a> {
    let text = |value: &'a HeaderValue| value.to_str().unwrap_or_default();
    Conditions {
        range: headers.get(RANGE).filter(|_| method == Method::GET).map(text),
        if_none_match,
        if_range: headers.get(IF_RANGE).map(text),
    }
}

/// A list may come on several lines (§5.3).
fn joined(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<_> =
        headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

fn whole(file: File, size: u64) -> Response {
    let body = Body::from_stream(ReaderStream::with_capacity(file, CHUNK));
    ([(CONTENT_LENGTH, size)], body).into_response()
}

async fn part(mut file: File, first: u64, last: u64, size: u64) -> io::Result<Response> {
    file.seek(SeekFrom::Start(first)).await?;
    let length = last - first + 1;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK));
    let range = header_value(&format!("bytes {first}-{last}/{size}"));
    let mut response = (StatusCode::PARTIAL_CONTENT, body).into_response();
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response.headers_mut().insert(CONTENT_RANGE, range);
    Ok(response)
}

/// All callers build plain ASCII; anything else would be a header left out, not a panic.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
