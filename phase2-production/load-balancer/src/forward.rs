//! What happens to a request: checked, completed, sent to the picked backend, and only
//! if nothing of it could be sent, to the next. Read `exchange` for when that is.

use crate::Balancer;
use crate::backends::Backend;
use crate::exchange::{Failure, Lease, exchange};
use crate::headers;
use crate::health::Finding;
use crate::pool::Outbound;
use crate::refuse;
use crate::reply::ReplyBody;
use crate::selection::Claim;
use crate::upgrade;
use crate::upload::{Progress, Upload};
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

/// Answers a request, and writes its line in the log: the path without the query, in
/// which somebody may have put a secret.
pub(crate) async fn forward(balancer: Balancer, request: Request<Incoming>) -> Response {
    let started = Instant::now();
    let id = RequestId::of(&request);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let (mut reply, backend) = match refuse::unfit(&request) {
        Some(refusal) => (balancer.refuse(refusal, &id), None),
        None => answer(&balancer, request, &id).await,
    };
    headers::name_request(reply.headers_mut(), &id);
    let (status, ms) = (reply.status().as_u16(), started.elapsed().as_millis());
    let backend = backend.as_ref().map_or("-", |backend| backend.id());
    tracing::info!(%method, path, status, backend, ms, request_id = id.as_str(), "request");
    reply
}

/// Asks one backend after the other, each once, until one has been sent the request.
async fn answer(
    balancer: &Balancer,
    mut request: Request<Incoming>,
    id: &RequestId,
) -> (Response, Option<Arc<Backend>>) {
    let claim = balancer.selection().take_claim(request.headers_mut());
    let mut tunnel = upgrade::asked_for(&mut request);
    let (mut outbound, progress) = prepare(balancer, request, id, tunnel.is_some());
    let all = balancer.backends().all();
    let mut untried: Vec<_> = all.iter().collect();
    while let Some(backend) = balancer.selection().pick(&untried, &claim) {
        untried.retain(|other| !Arc::ptr_eq(other, backend));
        let sent = exchange(backend, outbound, &progress, balancer.limits()).await;
        let failure = match sent {
            Ok((reply, lease)) => {
                backend.count_reply();
                let reply = relay(balancer, reply, lease, tunnel.take(), backend, &claim);
                return (reply, Some(Arc::clone(backend)));
            }
            Err(failure) => failure,
        };
        if !matches!(failure, Failure::ClientBroke) {
            backend.count_failure();
        }
        let refusal = refuse::failed(&failure, backend.id(), id);
        let Failure::Unsent(unsent, cause) = failure else {
            return (balancer.refuse(refusal, id), Some(Arc::clone(backend)));
        };
        backend.note(&Finding::Failed(cause));
        outbound = unsent;
    }
    (balancer.refuse(refuse::nobody(), id), None)
}

/// The request as the backend gets it.
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
    // In the absolute form the URI names the host, whatever `Host` says (RFC 9112
    // §3.2.2). The request line itself goes on in the origin form.
    if let Some(host) = parts.uri.authority().map(|host| host.as_str().parse()) {
        host.ok().map(|host: HeaderValue| headers.insert(HOST, host));
    }
    headers::say_who_asked(&mut headers, client, balancer.scheme(), id);
    if websocket {
        upgrade::say_websocket(&mut headers);
    }
    // hyper would send a GET whose length is unknown without its body.
    if body.size_hint().exact().is_none() {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let (mut outbound, progress) = Upload::request(headers, body);
    *outbound.method_mut() = parts.method;
    let path = parts.uri.path_and_query().cloned();
    *outbound.uri_mut() = Uri::from(path.unwrap_or(PathAndQuery::from_static("/")));
    (Box::new(outbound), progress)
}

/// The backend's reply as the client gets it.
fn relay(
    balancer: &Balancer,
    mut reply: http::Response<Incoming>,
    lease: Lease,
    tunnel: Option<OnUpgrade>,
    backend: &Backend,
    claim: &Claim,
) -> Response {
    let close = lease.body_was_not_wanted();
    headers::drop_hop_by_hop(reply.headers_mut());
    *reply.version_mut() = Version::HTTP_11;
    let cookie = balancer.selection().cookie(backend.id(), claim, balancer.scheme());
    cookie.map(|cookie| reply.headers_mut().append(SET_COOKIE, cookie));
    let switched = reply.status() == StatusCode::SWITCHING_PROTOCOLS;
    if let (true, Some(client)) = (switched, tunnel) {
        upgrade::say_websocket(reply.headers_mut());
        balancer.tunnels().open(client, &mut reply, lease);
        return reply.map(|_nothing| Body::empty());
    }
    if close {
        // The client will not send the body now; what it sends next could not be told
        // from it (RFC 9110 §10.1.1).
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply.map(|body| Body::new(ReplyBody::new(body, lease)))
}
