//! Every reply carries who served it and the request's id; every refusal has one shape;
//! every request leaves one line in the log.

use crate::paced_body::PacedBody;
use crate::patient_body::PatientBody;
use crate::refusal::Refusal;
use crate::request_id::RequestId;
use api_contract::headers::{REQUEST_ID, SERVED_BY};
use api_contract::paths;
use api_contract::problem::ProblemKind;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body::Body as _;
use std::sync::Arc;
use std::time::Instant;

/// What the log shows of a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UrlInLog {
    /// The path alone: a query may hold a secret that somebody put there by mistake.
    #[default]
    Path,
    /// Path and query, as most servers do. Only to show what that gives away.
    PathAndQuery,
}

/// What the middleware has to know of its server.
#[derive(Clone, Debug)]
pub struct Replies {
    served_by: HeaderValue,
    url_in_log: UrlInLog,
}

impl Replies {
    /// Replies in the name of one replica.
    ///
    /// # Panics
    /// Never for a name that [`crate::args::replica_id`] has let through.
    #[must_use]
    pub fn of(replica_id: &str, url_in_log: UrlInLog) -> Arc<Self> {
        let served_by = HeaderValue::from_str(replica_id)
            .expect("a checked replica id is a header value");
        Arc::new(Self { served_by, url_in_log })
    }
}

/// The middleware: names the request, runs it, completes the reply, logs it.
pub async fn complete(
    State(replies): State<Arc<Replies>>,
    request: Request,
    next: Next,
) -> Response {
    let id = RequestId::of(&request);
    let mut line = Line::begin(&request, id.clone(), replies.url_in_log);
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(id.clone());
    let body = patient(body, &parts.headers);

    let response = next.run(Request::from_parts(parts, body)).await;
    let mut response = in_one_shape(response, &id);
    let headers = response.headers_mut();
    headers.insert(SERVED_BY, replies.served_by.clone());
    headers.insert(REQUEST_ID, id.header_value());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    line.status = Some(response.status());
    response
}

/// A body that may neither stall nor be left unread. Most requests have none.
fn patient(body: Body, headers: &HeaderMap) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let body = Body::new(PacedBody::new(body));
    Body::new(PatientBody::new(body, headers))
}

/// The line that a request leaves in the log, also when its client hangs up and nobody
/// hears the answer.
struct Line {
    started: Instant,
    method: Method,
    url: String,
    id: RequestId,
    status: Option<StatusCode>,
}

impl Line {
    fn begin(request: &Request, id: RequestId, url_in_log: UrlInLog) -> Self {
        let (started, method) = (Instant::now(), request.method().clone());
        Self { started, method, url: shown(request.uri(), url_in_log), id, status: None }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self { started, method, url, id, status } = self;
        let (ms, request_id) = (started.elapsed().as_millis(), id.as_str());
        let status = status.map(|status| status.as_u16());
        let label = status.map_or("hung-up".to_owned(), |status| status.to_string());
        metrics::counter!("http_requests_total", "status" => label).increment(1);
        metrics::histogram!("http_request_seconds").record(started.elapsed());
        let what = if status.is_some() { "request" } else { "client hung up" };
        // A balancer asks for health four times a second; the log is for the others.
        if [paths::LIVEZ, paths::READYZ].contains(&url.as_str()) {
            tracing::debug!(%method, url, status, ms, request_id, "{what}");
        } else {
            tracing::info!(%method, url, status, ms, request_id, "{what}");
        }
    }
}

fn shown(uri: &Uri, url_in_log: UrlInLog) -> String {
    match url_in_log {
        UrlInLog::Path => uri.path().to_owned(),
        UrlInLog::PathAndQuery => uri.to_string(),
    }
}

/// Turns our refusals, and the frameworks' own, into problems with this request's id.
fn in_one_shape(mut response: Response, id: &RequestId) -> Response {
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        return refusal.into_named_response(id.as_str());
    }
    let is_error =
        response.status().is_client_error() || response.status().is_server_error();
    if !is_error {
        return response;
    }
    let kind = kind_of(response.status());
    let mut refused = Refusal::new(kind).into_named_response(id.as_str());
    if let Some(allow) = response.headers_mut().remove(http::header::ALLOW) {
        refused.headers_mut().insert(http::header::ALLOW, allow);
    }
    refused
}

/// The kind for a bare status that a library answered with.
fn kind_of(status: StatusCode) -> ProblemKind {
    match status {
        StatusCode::NOT_FOUND => ProblemKind::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ProblemKind::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => ProblemKind::UploadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemKind::UnsupportedMediaType,
        status if status.is_client_error() => ProblemKind::MalformedRequest,
        _ => ProblemKind::Internal,
    }
}

/// What a panicking handler answers with; the panic itself goes to the log.
#[must_use]
pub fn panicked(_payload: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    Refusal::new(ProblemKind::Internal).into_response()
}
