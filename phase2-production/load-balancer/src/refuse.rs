//! What the balancer itself answers, when no backend does.

use crate::exchange::Failure;
use api_contract::problem::ProblemKind;
use http::header::HOST;
use http::{Method, Request, Version};
use http_edge::refusal::Refusal;
use http_edge::request_id::RequestId;

/// What is wrong with a request that no backend should see. Framing is not in here:
/// hyper answers 400 to what cannot be framed, and where `Transfer-Encoding` and
/// `Content-Length` meet it drops the latter and closes the connection afterwards
/// (RFC 9112 §6.1).
pub(crate) fn unfit<B>(request: &Request<B>) -> Option<Refusal> {
    if request.method() == Method::CONNECT {
        return Some(Refusal::new(ProblemKind::MethodNotAllowed));
    }
    let hosts = request.headers().get_all(HOST).iter().count();
    let one_host = hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11);
    (!one_host).then(|| {
        // RFC 9112 §3.2.
        Refusal::new(ProblemKind::MalformedRequest)
            .detail("Send one Host header, no less and no more.")
    })
}

/// There is nobody to ask.
pub(crate) fn nobody() -> Refusal {
    Refusal::new(ProblemKind::NoReplica)
        .detail("Nothing was sent to any replica, so the request can be repeated.")
        .retry_after(1)
}

/// What to tell the client of a failure, and what to tell the log.
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
            nobody()
        }
        Failure::Broken(cause) => {
            tracing::warn!(backend, cause, request_id, "{backend} broke off: {cause}");
            Refusal::new(ProblemKind::ReplicaFailed).detail(
                "The request was sent once and may have been carried out. Find out \
                 before you repeat it.",
            )
        }
        Failure::ClientBroke => Refusal::new(ProblemKind::MalformedRequest)
            .detail("The body of the request broke off or cannot be read."),
        Failure::Late => {
            tracing::warn!(backend, request_id, "{backend} did not answer in time");
            Refusal::new(ProblemKind::ReplicaTimeout).detail(
                "The request was sent once and may yet be carried out. Find out before \
                 you repeat it.",
            )
        }
    }
}
