//! Adds the replica's name and the request's id to every response, turns every error into a
//! problem response (RFC 9457), and logs and counts every request.

use crate::content_coding;
use crate::host;
use crate::http_metrics::{HttpMetrics, RequestTimer};
use crate::lingering_body::{AwaitsContinue, LingeringBody};
use crate::min_rate_body::MinRateBody;
use crate::query_credentials;
use crate::refusal::Refusal;
use crate::request_id::RequestId;
use crate::transfer_coding;
use api_contract::headers::{REQUEST_ID, SERVED_BY};
use api_contract::paths;
use api_contract::problem::ProblemKind;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Uri};
use http_body::Body as HttpBody;
use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tower::Service;

/// The part of a URL that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UrlInLog {
    /// The path alone, because a query may hold a secret.
    #[default]
    Path,
    /// Path and query, as many servers log them, and credentials in the query are accepted.
    /// Only to demonstrate the leak.
    PathAndQuery,
}

/// The settings and the metrics of a server's responses.
#[derive(Debug)]
pub struct Replies {
    served_by: HeaderValue,
    url_in_log: UrlInLog,
    /// `None`: the requests are not counted.
    metrics: Option<HttpMetrics>,
}

impl Replies {
    /// Responses of the replica with this name.
    ///
    /// # Panics
    /// Never for a name that [`crate::args::replica_id`] has accepted.
    #[must_use]
    pub fn of(replica_id: &str, url_in_log: UrlInLog) -> Arc<Self> {
        Arc::new(Self::new(replica_id, url_in_log, Some(HttpMetrics::default())))
    }

    /// As [`Replies::of`], for requests that the server's HTTP metrics leave out, such as
    /// those of an admin listener.
    ///
    /// # Panics
    /// As [`Replies::of`].
    #[must_use]
    pub fn without_metrics(replica_id: &str, url_in_log: UrlInLog) -> Arc<Self> {
        Arc::new(Self::new(replica_id, url_in_log, None))
    }

    fn new(replica_id: &str, url_in_log: UrlInLog, metrics: Option<HttpMetrics>) -> Self {
        let served_by = HeaderValue::from_str(replica_id)
            .expect("a checked replica id is a header value");
        Self { served_by, url_in_log, metrics }
    }
}

/// A router with request ids, complete responses, log and metrics.
///
/// It wraps the whole router. As a layer in the router (`Router::layer`) it would wrap each
/// route, and every request would clone the wrapped service and its boxes.
#[derive(Clone, Debug)]
pub struct Completed {
    routes: Router,
    replies: Arc<Replies>,
}

impl Completed {
    /// Completes the responses of `routes`.
    #[must_use]
    pub fn new(routes: Router, replies: Arc<Replies>) -> Self {
        Self { routes, replies }
    }
}

impl<B> Service<http::Request<B>> for Completed
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let Self { routes, replies } = self.clone();
        Box::pin(complete(routes, replies, request.map(Body::new)).map(Ok))
    }
}

/// Gives the request its id, runs it, completes the response, logs and counts it.
async fn complete(
    mut routes: Router,
    replies: Arc<Replies>,
    request: Request,
) -> Response {
    let id = RequestId::of(&request);
    let mut entry = LogEntry::begin(&request, &replies, id.clone());
    let accepted = host::check(&request)
        .and_then(|()| transfer_coding::check(&request))
        .and_then(|()| content_coding::check(&request))
        .and_then(|()| match replies.url_in_log {
            UrlInLog::Path => query_credentials::check(request.uri()),
            UrlInLog::PathAndQuery => Ok(()),
        });
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(id.clone());
    let (body, awaits_continue) = guarded(body, &parts);

    let reply = async {
        match accepted {
            Ok(()) => routes.call(Request::from_parts(parts, body)).await,
            Err(refusal) => Ok(refusal.into_response()),
        }
    };
    // A panic leaves no shared state half changed: such changes are in a transaction, or
    // behind a lock that the panic poisons.
    let reply = AssertUnwindSafe(reply).catch_unwind().await;
    let reply = reply.map_or_else(|_panic| panicked(), |Ok(reply)| reply);
    let mut reply = with_problem(reply, &id);
    let headers = reply.headers_mut();
    headers.insert(SERVED_BY, replies.served_by.clone());
    headers.insert(REQUEST_ID, id.header_value());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let status = reply.status();
    if has_no_length(status) {
        reply.headers_mut().remove(CONTENT_LENGTH);
    }
    if awaits_continue.is_some_and(|awaits| awaits.get()) {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    entry.set_status(status);
    reply
}

/// These replies have no body, and a length would be that of the file (RFC 9110 §8.6). The
/// router sets `0`, the length of the body that they do not have.
fn has_no_length(status: StatusCode) -> bool {
    status == StatusCode::NOT_MODIFIED || status == StatusCode::NO_CONTENT
}

/// A body with a minimum rate that is read to its end. Most requests have no body.
fn guarded(body: Body, request: &Parts) -> (Body, Option<AwaitsContinue>) {
    if body.is_end_stream() {
        return (body, None);
    }
    let body = Body::new(MinRateBody::new(body));
    let awaits_continue = AwaitsContinue::of(request);
    let body = LingeringBody::new(body, awaits_continue.clone());
    (Body::new(body), Some(awaits_continue))
}

/// The log line of a request, which is also written when the client disconnects before the
/// response.
struct LogEntry<'a> {
    started: Instant,
    method: Method,
    uri: Uri,
    url_in_log: UrlInLog,
    id: RequestId,
    status: Option<StatusCode>,
    timer: Option<RequestTimer<'a>>,
}

impl<'a> LogEntry<'a> {
    fn begin(request: &Request, replies: &'a Replies, id: RequestId) -> Self {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let metrics = replies.metrics.as_ref();
        let timer = metrics.map(|metrics| metrics.begin(&method, uri.path()));
        let (started, url_in_log) = (Instant::now(), replies.url_in_log);
        Self { started, method, uri, url_in_log, id, status: None, timer }
    }

    fn set_status(&mut self, status: StatusCode) {
        self.status = Some(status);
        if let Some(timer) = &mut self.timer {
            timer.set_status(status);
        }
    }
}

impl Drop for LogEntry<'_> {
    fn drop(&mut self) {
        let Self { started, method, uri, url_in_log, id, status, .. } = self;
        let url: &str = &logged(uri, *url_in_log);
        let (ms, request_id) = (started.elapsed().as_millis(), id.as_str());
        let status = status.map(|status| status.as_u16());
        let message = if status.is_some() { "request" } else { "client disconnected" };
        // At `debug`, because a balancer sends four of them a second.
        if [paths::LIVEZ, paths::READYZ].contains(&uri.path()) {
            tracing::debug!(%method, url, status, ms, request_id, "{message}");
        } else {
            tracing::info!(%method, url, status, ms, request_id, "{message}");
        }
    }
}

fn logged(uri: &Uri, url_in_log: UrlInLog) -> Cow<'_, str> {
    match url_in_log {
        UrlInLog::Path => uri.path().into(),
        UrlInLog::PathAndQuery => uri.to_string().into(),
    }
}

/// Turns refusals, and error responses of the framework, into problem responses with this
/// request's id.
fn with_problem(mut reply: Response, id: &RequestId) -> Response {
    let status = reply.status();
    let refusal = reply.extensions_mut().remove::<Refusal>();
    if refusal.is_none() && !status.is_client_error() && !status.is_server_error() {
        return reply;
    }
    let refusal = refusal.unwrap_or_else(|| Refusal::new(kind_of(status)));
    let mut refused = refusal.into_named_response(id.as_str());
    // Other headers, such as `Allow` or `Vary`, are kept; those of the old body are not.
    let mut kept = std::mem::take(reply.headers_mut());
    for header in [CONTENT_LENGTH, CONTENT_TYPE] {
        kept.remove(header);
    }
    refused.headers_mut().extend(kept);
    refused
}

/// The problem for an error status that a library has set.
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

/// The response of a handler that has panicked; the panic itself goes to the log.
fn panicked() -> Response {
    tracing::error!("a handler panicked");
    Refusal::new(ProblemKind::Internal).into_response()
}
