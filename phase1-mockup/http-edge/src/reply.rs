//! Every reply carries who served it and the request's id; every refusal has one shape;
//! every request leaves one line in the log.

use crate::paced_body::PacedBody;
use crate::patient_body::PatientBody;
use crate::refusal::Refusal;
use crate::request_id::RequestId;
use api_contract::headers::{REQUEST_ID, SERVED_BY};
use api_contract::paths;
use api_contract::problem::ProblemKind;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body::Body as HttpBody;
use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tower::Service;

/// What the log shows of a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UrlInLog {
    /// The path alone: a query may hold a secret that somebody put there by mistake.
    #[default]
    Path,
    /// Path and query, as most servers do. Only to show what that gives away.
    PathAndQuery,
}

/// What has to be known of the server that replies.
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

/// Routes whose requests are named and whose replies are complete.
///
/// It stands around the whole router. As a layer in the router (`Router::layer`) it would
/// stand around each route, and every request would clone what is inside it, box by box.
#[derive(Clone, Debug)]
pub struct Completed {
    routes: Router,
    replies: Arc<Replies>,
}

impl Completed {
    /// Completes what `routes` reply.
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

/// Names the request, runs it, completes the reply, logs it.
async fn complete(
    mut routes: Router,
    replies: Arc<Replies>,
    request: Request,
) -> Response {
    let id = RequestId::of(&request);
    let mut line = Line::begin(&request, id.clone(), replies.url_in_log);
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(id.clone());
    let body = patient(body, &parts.headers);

    let reply = async { routes.call(Request::from_parts(parts, body)).await };
    // Nothing that a handler shares is left half done by a panic: what can be is behind
    // locks that say so, or in a transaction.
    let reply = AssertUnwindSafe(reply).catch_unwind().await;
    let reply = reply.map_or_else(|_panic| panicked(), |Ok(reply)| reply);
    let mut reply = in_one_shape(reply, &id);
    let headers = reply.headers_mut();
    headers.insert(SERVED_BY, replies.served_by.clone());
    headers.insert(REQUEST_ID, id.header_value());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    line.status = Some(reply.status());
    reply
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
    uri: Uri,
    url_in_log: UrlInLog,
    id: RequestId,
    status: Option<StatusCode>,
}

impl Line {
    fn begin(request: &Request, id: RequestId, url_in_log: UrlInLog) -> Self {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        Self { started: Instant::now(), method, uri, url_in_log, id, status: None }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self { started, method, uri, url_in_log, id, status } = self;
        let url: &str = &shown(uri, *url_in_log);
        let (ms, request_id) = (started.elapsed().as_millis(), id.as_str());
        let status = status.map(|status| status.as_u16());
        let label = status.map_or("hung-up".to_owned(), |status| status.to_string());
        metrics::counter!("http_requests_total", "status" => label).increment(1);
        metrics::histogram!("http_request_seconds").record(started.elapsed());
        let what = if status.is_some() { "request" } else { "client hung up" };
        // A balancer asks for health four times a second; the log is for the others.
        if [paths::LIVEZ, paths::READYZ].contains(&uri.path()) {
            tracing::debug!(%method, url, status, ms, request_id, "{what}");
        } else {
            tracing::info!(%method, url, status, ms, request_id, "{what}");
        }
    }
}

fn shown(uri: &Uri, url_in_log: UrlInLog) -> Cow<'_, str> {
    match url_in_log {
        UrlInLog::Path => uri.path().into(),
        UrlInLog::PathAndQuery => uri.to_string().into(),
    }
}

/// Turns our refusals, and the frameworks' own, into problems with this request's id.
fn in_one_shape(mut reply: Response, id: &RequestId) -> Response {
    let status = reply.status();
    let refusal = reply.extensions_mut().remove::<Refusal>();
    if refusal.is_none() && !status.is_client_error() && !status.is_server_error() {
        return reply;
    }
    let refusal = refusal.unwrap_or_else(|| Refusal::new(kind_of(status)));
    let mut refused = refusal.into_named_response(id.as_str());
    // What others said beside it, such as `Allow` or `Vary`, is not about its body.
    let mut beside = std::mem::take(reply.headers_mut());
    for about_body in [CONTENT_LENGTH, CONTENT_TYPE] {
        beside.remove(about_body);
    }
    refused.headers_mut().extend(beside);
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
fn panicked() -> Response {
    tracing::error!("a handler panicked");
    Refusal::new(ProblemKind::Internal).into_response()
}
