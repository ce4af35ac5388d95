//! The balancer's own error responses.

use crate::exchange::Failure;
use crate::headers;
use crate::host;
use api_contract::headers::SERVED_BY;
use api_contract::problem::ProblemKind;
use axum::response::Response;
use http::header::{ALLOW, CONNECTION, HOST};
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Uri, Version};
use http_edge::refusal::Refusal;
use http_edge::request_id::RequestId;
use http_edge::transfer_coding;

/// The methods that pass, for `Allow`: every one of the contract. CONNECT would open a tunnel.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// The response for a refusal, with the headers of every reply.
pub(crate) fn into_reply(
    refusal: Refusal,
    served_by: &HeaderValue,
    id: &RequestId,
) -> Response {
    let mut reply = refusal.into_named_response(id.as_str());
    let fields = reply.headers_mut();
    fields.insert(SERVED_BY, served_by.clone());
    headers::set_request_id(fields, id);
    reply
}

/// The refusal of a request that must not reach a backend. Most framing errors are not in
/// here: hyper answers them with 400. Of `Transfer-Encoding` and `Content-Length` together
/// it drops the latter, and closes the connection afterwards (RFC 9112 §6.1).
pub(crate) fn invalid<B>(request: &Request<B>) -> Option<Refusal> {
    if request.method() == Method::CONNECT {
        return Some(connect());
    }
    let hosts = request.headers().get_all(HOST).iter().count();
    let one_host = hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11);
    if !one_host {
        // RFC 9112 §3.2.
        return Some(malformed("Send exactly one Host header."));
    }
    let host = request.headers().get(HOST);
    if host.is_some_and(|host| !host::is_valid(host.as_bytes())) {
        return Some(malformed(
            "Host must be a host name or address, and may have a port.",
        ));
    }
    if !is_valid_target(request.uri(), request.method()) {
        return Some(malformed(
            "The target must be a path, or an http URL without user information.",
        ));
    }
    // hyper has decoded the last coding only, and the others would lose their names.
    transfer_coding::check(request).err()
}

/// 405, after which the connection is closed: the client may send the tunnel's bytes already.
fn connect() -> Refusal {
    Refusal::new(ProblemKind::MethodNotAllowed)
        .header(ALLOW, HeaderValue::from_static(METHODS))
        .header(CONNECTION, HeaderValue::from_static("close"))
}

/// The origin form, the absolute form, or `OPTIONS *` (RFC 9112 §3.2).
fn is_valid_target(target: &Uri, method: &Method) -> bool {
    let Some(authority) = target.authority() else {
        return target.path() != "*" || *method == Method::OPTIONS;
    };
    let scheme = target.scheme();
    let is_http = scheme == Some(&Scheme::HTTP) || scheme == Some(&Scheme::HTTPS);
    is_http && host::is_valid(authority.as_str().as_bytes())
}

/// 400, after which the connection is closed: client and balancer may differ about its end.
fn malformed(detail: &str) -> Refusal {
    Refusal::new(ProblemKind::MalformedRequest)
        .detail(detail)
        .header(CONNECTION, HeaderValue::from_static("close"))
}

/// The balancer has as many connections as it may have, or can open.
pub(crate) fn overloaded() -> Refusal {
    Refusal::new(ProblemKind::BalancerOverloaded)
        .detail(
            "The balancer has no free connection. Nothing was sent to any replica, so the \
             request can be repeated.",
        )
        .retry_after(1)
}

/// No backend is available.
pub(crate) fn no_backend() -> Refusal {
    Refusal::new(ProblemKind::NoReplica)
        .detail("Nothing was sent to any replica, so the request can be repeated.")
        .retry_after(1)
}

/// Logs a failure and returns the refusal for the client.
pub(crate) fn failed(failure: &Failure, backend: &str, id: &RequestId) -> Refusal {
    log(failure, backend, id.as_str());
    match failure {
        Failure::Unsent(..) => no_backend(),
        Failure::Exhausted(..) => overloaded(),
        Failure::ConnectionLost(_) => {
            Refusal::new(ProblemKind::ReplicaFailed).detail(SENT_ONCE)
        }
        Failure::InvalidResponse(_) => Refusal::new(ProblemKind::ReplicaFailed)
            .detail(format!("The response of the replica cannot be read. {SENT_ONCE}")),
        Failure::Timeout => Refusal::new(ProblemKind::ReplicaTimeout).detail(
            "The request was sent once and may still be carried out. Check before you \
             repeat it.",
        ),
        Failure::ClientAborted => {
            malformed("The body of the request is incomplete or malformed.")
        }
        Failure::ClientStalled => Refusal::new(ProblemKind::RequestTimeout)
            .detail("No more of the body arrived. Repeat the request, or resume it.")
            .header(CONNECTION, HeaderValue::from_static("close")),
    }
}

const SENT_ONCE: &str = "The request was sent once and may have been carried out. Check \
    before you repeat it.";

/// The failures of a client are in the log line of its request.
fn log(failure: &Failure, backend: &str, request_id: &str) {
    let (what, cause) = match failure {
        Failure::ClientAborted | Failure::ClientStalled => return,
        // An ordinary event while a replica restarts.
        Failure::Unsent(_, cause) => {
            tracing::info!(
                backend,
                cause,
                request_id,
                "no connection to {backend}: {cause}"
            );
            return;
        }
        Failure::Exhausted(_, cause) => ("no free connection", cause.as_str()),
        Failure::ConnectionLost(cause) => ("connection lost", cause.as_str()),
        Failure::InvalidResponse(cause) => ("response is not usable", cause.as_str()),
        Failure::Timeout => ("no progress", "a time limit"),
    };
    tracing::warn!(backend, cause, request_id, "{backend}: {what}: {cause}");
}
