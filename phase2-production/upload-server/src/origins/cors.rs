//! CORS headers (Fetch standard, "CORS protocol"). An allowed site gets them; a foreign
//! site gets none.

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

/// Request headers that a page may send.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, if-range, \
     range, tus-resumable, upload-checksum, upload-length, upload-metadata, \
     upload-offset, x-http-method-override, x-request-id, x-session-id",
);

/// Response headers that a page may read.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "content-disposition, content-range, etag, location, retry-after, \
     tus-checksum-algorithm, tus-extension, tus-max-size, tus-resumable, tus-version, \
     upload-expires, upload-length, upload-metadata, upload-offset, www-authenticate, \
     x-file-id, x-request-id, x-served-by",
);

/// Seconds for which a browser caches a preflight.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("600");

/// Whether the request is a CORS preflight. Any other `OPTIONS` goes to its handler.
pub(super) fn is_preflight(request: &Parts) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key(ORIGIN)
        && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answers a preflight. Without CORS headers the browser refuses the request.
pub(super) fn preflight(site: &Site) -> Response {
    let mut reply = StatusCode::NO_CONTENT.into_response();
    if matches!(site, Site::Allowed(_)) {
        let headers = reply.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
    }
    reply
}

/// Lets pages of an allowed site read the reply.
pub(super) fn allow(reply: &mut Response, site: &Site, origins: &Origins) {
    if !origins.0.allowed.is_empty() {
        // A cache must not give one site's reply to another site.
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
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
}
