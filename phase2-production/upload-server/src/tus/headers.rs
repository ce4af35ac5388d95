//! The headers of tus. The protocol uses headers only.

use crate::error::Error;
use api_contract::problem::ProblemKind;
use api_contract::uploads::headers as names;
use api_contract::uploads::{TUS_CHECKSUMS, TUS_EXTENSIONS, TUS_MEDIA_TYPE, TUS_VERSION};
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_edge::refusal::Refusal;
use records::uploads::Upload;
use std::time::{Duration, UNIX_EPOCH};

const RESUMABLE: HeaderName = HeaderName::from_static(names::TUS_RESUMABLE);
const VERSION: HeaderName = HeaderName::from_static(names::TUS_VERSION);
const OFFSET: HeaderName = HeaderName::from_static(names::UPLOAD_OFFSET);
const TUS_1_0: HeaderValue = HeaderValue::from_static(TUS_VERSION);

/// Adds the protocol version to a reply that no handler of this module made.
pub(super) fn with_version_always(mut response: Response) -> Response {
    response.headers_mut().entry(RESUMABLE).or_insert(TUS_1_0);
    response
}

/// Refuses headers of extensions that `OPTIONS` does not list: ignoring one would make
/// another upload than the client wants.
pub(super) fn reject_unsupported(headers: &HeaderMap) -> Result<(), Error> {
    for name in [names::UPLOAD_CONCAT, names::UPLOAD_DEFER_LENGTH] {
        if headers.contains_key(name) {
            return Err(Refusal::new(ProblemKind::MalformedRequest)
                .detail(format!(
                    "{name} is not supported. Send Upload-Length and all bytes of a file."
                ))
                .into());
        }
    }
    Ok(())
}

/// The media type without parameters; its case does not matter (RFC 9110 §8.3.1).
pub(super) fn is_chunk(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|text| text.split(';').next());
    essence.is_some_and(|text| text.trim().eq_ignore_ascii_case(TUS_MEDIA_TYPE))
}

/// Adds the protocol version to a reply, errors included.
pub(super) fn with_version(outcome: Result<Response, Error>) -> Response {
    match outcome {
        Ok(mut response) => {
            response.headers_mut().insert(RESUMABLE, TUS_1_0);
            response
        }
        Err(error) => error.refusal().header(RESUMABLE, TUS_1_0).into_response(),
    }
}

/// Every request must have the protocol version.
pub(super) fn require_version(headers: &HeaderMap) -> Result<(), Error> {
    if headers.get(RESUMABLE).is_some_and(|require_version| require_version == TUS_1_0) {
        return Ok(());
    }
    Err(Refusal::new(ProblemKind::UnsupportedTusVersion)
        .detail(format!("Send Tus-Resumable: {TUS_VERSION}."))
        .header(VERSION, TUS_1_0)
        .into())
}

pub(super) fn capabilities(max_upload: u64) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(RESUMABLE, TUS_1_0);
    headers.insert(VERSION, TUS_1_0);
    headers.insert(names::TUS_MAX_SIZE, HeaderValue::from(max_upload));
    headers.insert(names::TUS_EXTENSION, HeaderValue::from_static(TUS_EXTENSIONS));
    headers
        .insert(names::TUS_CHECKSUM_ALGORITHM, HeaderValue::from_static(TUS_CHECKSUMS));
    response
}

/// Offset, length and expiry of an upload. Caches must not store them.
pub(super) fn progress(response: &mut Response, upload: &Upload) {
    let offset = if upload.answer.is_some() { upload.size } else { upload.received };
    let metadata = upload.metadata.as_deref().map(HeaderValue::from_str);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(OFFSET, HeaderValue::from(offset));
    headers.insert(names::UPLOAD_LENGTH, HeaderValue::from(upload.size));
    if let Some(Ok(metadata)) = metadata {
        headers.insert(names::UPLOAD_METADATA, metadata);
    }
    expires(response, upload);
}

pub(super) fn expires(response: &mut Response, upload: &Upload) {
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(upload.expires_at));
    let text = at.map(httpdate::fmt_http_date);
    if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(names::UPLOAD_EXPIRES, value);
    }
}

pub(super) fn file_id(response: &mut Response, file_id: &str) -> Result<(), Error> {
    let value = HeaderValue::from_str(file_id).map_err(Error::broken)?;
    response.headers_mut().insert(names::FILE_ID, value);
    Ok(())
}

pub(super) fn wrong_offset(offset: u64) -> Error {
    Refusal::new(ProblemKind::OffsetMismatch)
        .detail(format!("Continue the upload at offset {offset}."))
        .header(OFFSET, HeaderValue::from(offset))
        .into()
}

/// A header as text.
pub(super) fn text_of<'a>(
    headers: &'a HeaderMap,
    name: &str,
) -> Result<Option<&'a str>, Error> {
    let text = headers.get(name).map(HeaderValue::to_str).transpose();
    text.map_err(|_unreadable| malformed(name))
}

/// A required header that is a number: digits only.
pub(super) fn count_of(headers: &HeaderMap, name: &str) -> Result<u64, Error> {
    let text = text_of(headers, name)?.unwrap_or_default();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| malformed(name))
}

pub(super) fn malformed(name: &str) -> Error {
    Refusal::new(ProblemKind::MalformedRequest)
        .detail(format!("The header {name} is missing or malformed."))
        .into()
}
