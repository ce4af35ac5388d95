//! A refusal on its way out. It becomes RFC 9457 JSON in `reply`, where the request's
//! id is known.

use api_contract::problem::{MEDIA_TYPE, ProblemKind};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue};

/// What went wrong, for the caller. The cause belongs in the log, never in here.
#[derive(Clone, Debug)]
pub struct Refusal {
    kind: ProblemKind,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// A refusal whose detail is the kind's title.
    #[must_use]
    pub fn new(kind: ProblemKind) -> Self {
        Self { kind, detail: format!("{}.", kind.title()), headers: Vec::new() }
    }

    /// What kind of problem it is.
    #[must_use]
    pub const fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// Says what to do about this one.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds a header, such as the range that would have been satisfiable.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Says when to come back, in seconds (RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Names the proof that would have been accepted (RFC 9110 §11.6.1).
    #[must_use]
    pub fn challenge(self, scheme: &'static str) -> Self {
        self.header(WWW_AUTHENTICATE, HeaderValue::from_static(scheme))
    }

    /// The reply, complete: for processes that do not pass through `reply`.
    #[must_use]
    pub fn into_named_response(self, request_id: &str) -> Response {
        let problem = self.kind.problem(self.detail, request_id);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (self.kind.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
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
