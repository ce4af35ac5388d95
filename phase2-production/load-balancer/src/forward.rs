//! The way of a request: checked, given its headers, sent to the selected backend, and to
//! the next one only if nothing of it was sent. `exchange` decides when that is.

use crate::Balancer;
use crate::backends::Backend;
use crate::exchange::{Failure, Lease, exchange};
use crate::framing::{self, Reuse};
use crate::headers;
use crate::health::CheckResult;
use crate::pool::Outbound;
use crate::refusals;
use crate::request_body::{self, Progress, RequestBody};
use crate::request_log::RequestLog;
use crate::response_body::ResponseBody;
use crate::selection::RequestedBackend;
use crate::upgrade;
use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, HOST, SET_COOKIE, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, StatusCode, Uri, Version};
use http_body::Body as _;
use http_edge::connection::PeerAddress;
use http_edge::request_id::RequestId;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

/// Answers a request, logs and counts it.
pub(crate) async fn forward(balancer: Balancer, request: Request<Incoming>) -> Response {
    let id = RequestId::of(&request);
    let mut log = RequestLog::begin(balancer.metrics(), &request, id.clone());
    let mut reply = match refusals::invalid(&request) {
        Some(refusal) => {
            request_body::discard(request.into_body());
            balancer.refuse(refusal, &id)
        }
        None => answer(&balancer, request, &id, &mut log).await,
    };
    headers::set_request_id(reply.headers_mut(), &id);
    log.set_status(reply.status());
    reply
}

/// Tries one backend after the other, each once, until the request was sent to one.
async fn answer(
    balancer: &Balancer,
    mut request: Request<Incoming>,
    id: &RequestId,
    log: &mut RequestLog<'_>,
) -> Response {
    let method = request.method().clone();
    let requested = balancer.selection().take_requested_backend(request.headers_mut());
    let tunnel = upgrade::websocket_request(&mut request);
    let (mut outbound, progress) = prepare(balancer, request, id, tunnel.is_some());
    let all = balancer.backends_for_request().await;
    let (mut tried, mut last) = (Vec::new(), None);
    while let Some(backend) = balancer.selection().pick(&all, &tried, &requested) {
        if !tried.is_empty() {
            balancer.metrics().retries.increment(1);
        }
        tried.push(backend);
        log.set_backend(Some(backend));
        let started = Instant::now();
        let sent = exchange(balancer, backend, outbound, &progress).await;
        let sent = sent.and_then(|sent| reframed(sent, &method, tunnel.is_some()));
        let failure = match sent {
            Ok((reply, lease)) => {
                backend.count_response(reply.status(), started.elapsed());
                return relay(balancer, reply, lease, tunnel, backend, &requested);
            }
            Err(failure) => failure,
        };
        if let Some(reason) = failure.reason() {
            backend.count_failure(reason);
        }
        let refusal = refusals::failed(&failure, backend.id(), id);
        outbound = match failure {
            Failure::Unsent(unsent, cause) => {
                backend.note(&CheckResult::Failed(cause));
                unsent
            }
            Failure::Exhausted(unsent, _) if may_move(&requested, backend) => unsent,
            _ => return balancer.refuse(refusal, id),
        };
        last = Some(refusal);
    }
    log.set_backend(None);
    balancer.refuse(last.unwrap_or_else(refusals::no_backend), id)
}

/// Whether another backend may answer. It would not know the session of a sticky client, and
/// this balancer's own shortage says nothing about the client's backend.
fn may_move(requested: &RequestedBackend, backend: &Backend) -> bool {
    requested.as_deref() != Some(backend.id())
}

/// A reply with its framing made anew; a failure if it cannot be read in one way only.
fn reframed(
    (mut reply, mut lease): (http::Response<Incoming>, Lease),
    method: &Method,
    switches: bool,
) -> Result<(http::Response<Incoming>, Lease), Failure> {
    let reuse = framing::remake(&mut reply, method, switches)
        .map_err(|cause| Failure::InvalidResponse(cause.to_owned()))?;
    if reuse == Reuse::Forbidden {
        lease.forbid_reuse();
    }
    Ok((reply, lease))
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
    let (mut outbound, progress) = RequestBody::request(parts.version, headers, body);
    *outbound.method_mut() = parts.method;
    // The path of `http://x#f` is empty: it reads as "/", but hyper would write nothing.
    let path = parts.uri.path_and_query().filter(|path| path.as_str() != "/").cloned();
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
        balancer.tunnels().open(client, &mut reply, lease, *balancer.limits());
        return reply.map(|_empty| Body::empty());
    }
    if close {
        // The client may or may not send the body now, so its next request could not be
        // told apart from the body (RFC 9110 §10.1.1).
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let limits = *balancer.limits();
    reply.map(|body| Body::new(ResponseBody::new(body, lease, limits)))
}
