//! The way of a request: checked, given its headers, sent to the selected backend, and to
//! the next one only if nothing of it was sent. `exchange` decides when that is.

use crate::Balancer;
use crate::backends::Backend;
use crate::exchange::{Failure, Lease, exchange};
use crate::headers;
use crate::health::CheckResult;
use crate::pool::Outbound;
use crate::refusals;
use crate::request_body::{Progress, RequestBody};
use crate::response_body::ResponseBody;
use crate::selection::RequestedBackend;
use crate::upgrade;
use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, HOST, SET_COOKIE, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, StatusCode, Uri, Version};
use http_body::Body as _;
use http_edge::request_id::RequestId;
use http_edge::serve::PeerAddress;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

/// Answers a request, logs and counts it. The path is logged without the query, which may
/// hold a secret.
pub(crate) async fn forward(balancer: Balancer, request: Request<Incoming>) -> Response {
    let metrics = &balancer.metrics().http;
    let mut timer = metrics.begin(request.method(), request.uri().path());
    let id = RequestId::of(&request);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let (mut reply, backend) = match refusals::invalid(&request) {
        Some(refusal) => (balancer.refuse(refusal, &id), None),
        None => answer(&balancer, request, &id).await,
    };
    headers::set_request_id(reply.headers_mut(), &id);
    timer.set_status(reply.status());
    let (status, ms) = (reply.status().as_u16(), timer.elapsed().as_millis());
    let backend = backend.as_ref().map_or("-", |backend| backend.id());
    tracing::info!(%method, path, status, backend, ms, request_id = id.as_str(), "request");
    reply
}

/// Tries one backend after the other, each once, until the request was sent to one.
async fn answer(
    balancer: &Balancer,
    mut request: Request<Incoming>,
    id: &RequestId,
) -> (Response, Option<Arc<Backend>>) {
    let requested = balancer.selection().take_requested_backend(request.headers_mut());
    let mut tunnel = upgrade::websocket_request(&mut request);
    let (mut outbound, progress) = prepare(balancer, request, id, tunnel.is_some());
    let all = balancer.backends().all();
    let mut untried: Vec<_> = all.iter().collect();
    while let Some(backend) = balancer.selection().pick(&untried, &requested) {
        if untried.len() < all.len() {
            balancer.metrics().retries.increment(1);
        }
        untried.retain(|other| !Arc::ptr_eq(other, backend));
        let started = Instant::now();
        let sent = exchange(backend, outbound, &progress, balancer.limits()).await;
        let failure = match sent {
            Ok((reply, lease)) => {
                backend.count_response(reply.status(), started.elapsed());
                let reply =
                    relay(balancer, reply, lease, tunnel.take(), backend, &requested);
                return (reply, Some(Arc::clone(backend)));
            }
            Err(failure) => failure,
        };
        if let Some(reason) = failure.reason() {
            backend.count_failure(reason);
        }
        let refusal = refusals::failed(&failure, backend.id(), id);
        let Failure::Unsent(unsent, cause) = failure else {
            return (balancer.refuse(refusal, id), Some(Arc::clone(backend)));
        };
        backend.note(&CheckResult::Failed(cause));
        outbound = unsent;
    }
    (balancer.refuse(refusals::no_backend(), id), None)
}

/// The request for the backend.
fn prepare(
    balancer: &Balancer,
    request: Request<Incoming>,
    id: &RequestId,
    websocket: bool,
) -> (Outbound, Progress) {
    let client = request.extensions().get::<PeerAddress>();
    let client = client.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let (parts, body) = request.into_parts();
    let mut headers = parts.headers;
    headers::drop_hop_by_hop(&mut headers);
    // A URI in absolute form overrides `Host` (RFC 9112 §3.2.2). The request line to the
    // backend has the origin form.
    if let Some(host) = parts.uri.authority().map(|host| host.as_str().parse()) {
        host.ok().map(|host: HeaderValue| headers.insert(HOST, host));
    }
    headers::set_forwarded(&mut headers, client, balancer.scheme(), id);
    if websocket {
        upgrade::set_headers(&mut headers);
    }
    // hyper would drop the body of a GET without a known length.
    if body.size_hint().exact().is_none() {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let (mut outbound, progress) = RequestBody::request(headers, body);
    *outbound.method_mut() = parts.method;
    let path = parts.uri.path_and_query().cloned();
    *outbound.uri_mut() = Uri::from(path.unwrap_or(PathAndQuery::from_static("/")));
    (Box::new(outbound), progress)
}

/// The response for the client.
fn relay(
    balancer: &Balancer,
    mut reply: http::Response<Incoming>,
    lease: Lease,
    tunnel: Option<OnUpgrade>,
    backend: &Backend,
    requested: &RequestedBackend,
) -> Response {
    let close = lease.body_was_not_requested();
    headers::drop_hop_by_hop(reply.headers_mut());
    *reply.version_mut() = Version::HTTP_11;
    let cookie = balancer.selection().cookie(backend.id(), requested, balancer.scheme());
    cookie.map(|cookie| reply.headers_mut().append(SET_COOKIE, cookie));
    let switched = reply.status() == StatusCode::SWITCHING_PROTOCOLS;
    if let (true, Some(client)) = (switched, tunnel) {
        upgrade::set_headers(reply.headers_mut());
        balancer.tunnels().open(client, &mut reply, lease);
        return reply.map(|_empty| Body::empty());
    }
    if close {
        // The client may or may not send the body now, so its next request could not be
        // told apart from the body (RFC 9110 §10.1.1).
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply.map(|body| Body::new(ResponseBody::new(body, lease)))
}
