//! A refused request. `reply` turns it into a problem response (RFC 9457) with the id of
//! the request.

use api_contract::problem::{MEDIA_TYPE, ProblemKind};
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue};

/// The error for the caller. The internal cause goes to the log, never in here.
#[derive(Clone, Debug)]
pub struct Refusal {
    kind: ProblemKind,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// A refusal with the kind's title as its detail.
    #[must_use]
    pub fn new(kind: ProblemKind) -> Self {
        Self { kind, detail: format!("{}.", kind.title()), headers: Vec::new() }
    }

    /// The kind of problem.
    #[must_use]
    pub const fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// Replaces the detail, which tells the caller how to correct the request.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds a header, such as `Content-Range`.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds `Retry-After`, in seconds (RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds `WWW-Authenticate` with the accepted scheme (RFC 9110 §11.6.1).
    #[must_use]
    pub fn challenge(self, scheme: &'static str) -> Self {
        self.header(WWW_AUTHENTICATE, HeaderValue::from_static(scheme))
    }

    /// The complete response, for code that does not go through `reply`.
    #[must_use]
    pub fn into_named_response(self, request_id: &str) -> Response {
        let problem = self.kind.problem(self.detail, request_id);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (self.kind.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_response_forbids_caching_and_sniffing() {
        let refusal = Refusal::new(ProblemKind::NoReplica);
        let reply = refusal.into_named_response("request-1");
        assert_eq!(reply.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(reply.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}
