//! The balancer's own error responses.

use crate::exchange::Failure;
use api_contract::problem::ProblemKind;
use http::header::HOST;
use http::{Method, Request, Version};
use http_edge::refusal::Refusal;
use http_edge::request_id::RequestId;

/// The refusal of a request that must not reach a backend. Framing errors are not in here:
/// hyper answers them with 400. Of `Transfer-Encoding` and `Content-Length` together it
/// drops the latter, and closes the connection afterwards (RFC 9112 §6.1).
pub(crate) fn invalid<B>(request: &Request<B>) -> Option<Refusal> {
    if request.method() == Method::CONNECT {
        return Some(Refusal::new(ProblemKind::MethodNotAllowed));
    }
    let hosts = request.headers().get_all(HOST).iter().count();
    let one_host = hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11);
    (!one_host).then(|| {
        // RFC 9112 §3.2.
        Refusal::new(ProblemKind::MalformedRequest)
            .detail("Send exactly one Host header.")
    })
}

/// No backend is available.
pub(crate) fn no_backend() -> Refusal {
    Refusal::new(ProblemKind::NoReplica)
        .detail("Nothing was sent to any replica, so the request can be repeated.")
        .retry_after(1)
}

/// Logs a failure and returns the refusal for the client.
pub(crate) fn failed(failure: &Failure, backend: &str, id: &RequestId) -> Refusal {
    let request_id = id.as_str();
    match failure {
        Failure::Unsent(_, cause) => {
            tracing::info!(
                backend,
                cause,
                request_id,
                "no connection to {backend}: {cause}"
            );
            no_backend()
        }
        Failure::ConnectionLost(cause) => {
            tracing::warn!(
                backend,
                cause,
                request_id,
                "connection to {backend} lost: {cause}"
            );
            Refusal::new(ProblemKind::ReplicaFailed).detail(
                "The request was sent once and may have been carried out. Check before \
                 you repeat it.",
            )
        }
        Failure::ClientAborted => Refusal::new(ProblemKind::MalformedRequest)
            .detail("The body of the request is incomplete or malformed."),
        Failure::Timeout => {
            tracing::warn!(backend, request_id, "{backend} did not respond in time");
            Refusal::new(ProblemKind::ReplicaTimeout).detail(
                "The request was sent once and may still be carried out. Check before \
                 you repeat it.",
            )
        }
    }
}
