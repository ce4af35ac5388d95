//! What browsers are told of pages of other sites (Fetch standard, "CORS protocol"): a site
//! on the list is named, and nothing is ever said of another one.

use super::{Origins, Site};
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

const METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

/// What a page may send.
const SENT: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, if-range, \
     range, tus-resumable, upload-checksum, upload-length, upload-metadata, \
     upload-offset, x-request-id, x-session-id",
);

/// What a page may read.
const SHOWN: HeaderValue = HeaderValue::from_static(
    "content-disposition, content-range, etag, location, retry-after, tus-extension, \
     tus-max-size, tus-resumable, tus-version, upload-expires, upload-length, \
     upload-offset, www-authenticate, x-request-id, x-served-by",
);

/// Seconds for which a browser need not ask again.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// Whether a browser asks what a page may send. An `OPTIONS` without this is somebody's own.
pub(super) fn is_preflight(request: &Parts) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key(ORIGIN)
        && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer. A site that may not is told nothing, which is a no.
pub(super) fn preflight(site: &Site) -> Response {
    let mut reply = StatusCode::NO_CONTENT.into_response();
    if matches!(site, Site::Allowed(_)) {
        let headers = reply.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, SENT);
        headers.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    }
    reply
}

/// Says in a reply whose pages may read it.
pub(super) fn allow(reply: &mut Response, site: &Site, origins: &Origins) {
    if !origins.0.allowed.is_empty() {
        // A cache must not show one site what was meant for another.
        reply.headers_mut().append(VARY, HeaderValue::from_static("origin"));
    }
    if let Site::Allowed(named) = site {
        name(reply.headers_mut(), named);
    }
}

fn name(headers: &mut HeaderMap, site: &str) {
    let Ok(site) = HeaderValue::from_str(site) else {
        return;
    };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, site);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
}
