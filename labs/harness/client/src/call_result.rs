//! The result of a call: success, refusal, or unknown.
//!
//! Unknown results are the reason for this file. A client that treats a lost reply as a refusal
//! repeats the operation, and a client that treats it as success loses data. So a transport
//! error is never treated as an error reply.

use api_contract::headers::{REQUEST_ID, SERVED_BY};
use api_contract::problem::{MEDIA_TYPE, Problem};
use bytes::Bytes;
use http::header::{AsHeaderName, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

/// A complete reply.
#[derive(Clone, Debug)]
pub struct Reply<T> {
    /// The status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The decoded body.
    pub body: T,
}

impl<T> Reply<T> {
    /// One header as text; `None` if it is missing or not text.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The replica that answered.
    #[must_use]
    pub fn served_by(&self) -> Option<&str> {
        self.header(SERVED_BY)
    }

    /// The request id, which is in the server's log.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.header(REQUEST_ID)
    }

    /// The same reply with another body.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Reply<U> {
        Reply { status: self.status, headers: self.headers, body: change(self.body) }
    }
}

/// The result of a call.
#[derive(Debug)]
pub enum CallResult<T> {
    /// Success (2xx), or an unmodified file (304).
    Done(Reply<T>),
    /// A refusal with a problem as the contract requires.
    Refused(Reply<Problem>),
    /// No reply, or a reply that violates the contract.
    CallError(CallError),
}

/// Why there is no usable reply.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The transport failed: no connection, a reset, a timeout.
    #[error("no reply")]
    NoResponse(#[source] reqwest::Error),
    /// The head of a reply arrived, but not its complete body.
    #[error("status {status}, and a truncated reply")]
    Truncated {
        /// The status of the reply.
        status: StatusCode,
        /// The replica that had started to answer, if the head names it.
        served_by: Option<String>,
        /// The transport error.
        #[source]
        cause: reqwest::Error,
    },
    /// A reply that violates the contract.
    #[error("status {status}, but {problem}")]
    ContractViolation {
        /// The status of the reply.
        status: StatusCode,
        /// The violation.
        problem: String,
    },
}

/// Whether a call had an effect on the server. The ledger needs this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The call was executed.
    Happened,
    /// The call was certainly not executed.
    DidNotHappen,
    /// The call may have been executed.
    Unknown,
}

impl<T> CallResult<T> {
    /// The same result with another body.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> CallResult<U> {
        match self {
            Self::Done(reply) => CallResult::Done(reply.map(change)),
            Self::Refused(reply) => CallResult::Refused(reply),
            Self::CallError(error) => CallResult::CallError(error),
        }
    }

    /// Whether the call had an effect. This is also unknown after a server error (500) and when
    /// a gateway has lost its replica (502, 504).
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::Done(_) => Effect::Happened,
            Self::Refused(reply) => match reply.status {
                StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::GATEWAY_TIMEOUT => Effect::Unknown,
                _ => Effect::DidNotHappen,
            },
            Self::CallError(CallError::NoResponse(error)) => {
                if error.is_connect() || error.is_builder() {
                    Effect::DidNotHappen
                } else {
                    Effect::Unknown
                }
            }
            Self::CallError(
                CallError::Truncated { .. } | CallError::ContractViolation { .. },
            ) => Effect::Unknown,
        }
    }
}

/// Decodes a reply with a JSON body.
pub(crate) fn json<T: DeserializeOwned>(
    reply: Result<Reply<Bytes>, CallError>,
) -> CallResult<T> {
    match bytes(reply) {
        CallResult::Done(reply) => match serde_json::from_slice(&reply.body) {
            Ok(body) => CallResult::Done(reply.map(|_| body)),
            Err(error) => not_the_contract(reply.status, format!("the body: {error}")),
        },
        CallResult::Refused(reply) => CallResult::Refused(reply),
        CallResult::CallError(broken) => CallResult::CallError(broken),
    }
}

/// Decodes a reply with a raw body.
pub(crate) fn bytes(reply: Result<Reply<Bytes>, CallError>) -> CallResult<Bytes> {
    match reply {
        Ok(reply) if succeeded(reply.status) => CallResult::Done(reply),
        Ok(reply) => refusal(reply),
        Err(broken) => CallResult::CallError(broken),
    }
}

fn succeeded(status: StatusCode) -> bool {
    status.is_success() || status == StatusCode::NOT_MODIFIED
}

fn refusal<T>(reply: Reply<Bytes>) -> CallResult<T> {
    let media_type = reply.header(CONTENT_TYPE).unwrap_or_default();
    if media_type != MEDIA_TYPE {
        let problem = format!("its media type is {media_type:?} and not {MEDIA_TYPE:?}");
        return not_the_contract(reply.status, problem);
    }
    match serde_json::from_slice(&reply.body) {
        Ok(problem) => CallResult::Refused(reply.map(|_| problem)),
        Err(error) => not_the_contract(reply.status, format!("the problem: {error}")),
    }
}

fn not_the_contract<T>(status: StatusCode, problem: String) -> CallResult<T> {
    CallResult::CallError(CallError::ContractViolation { status, problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use api_contract::Message;
    use api_contract::problem::ProblemKind;

    fn reply(status: u16, media_type: &str, body: &str) -> CallResult<Message> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, media_type.parse().unwrap());
        json(Ok(Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }))
    }

    fn refused(kind: ProblemKind) -> CallResult<Message> {
        let body = serde_json::to_string(&kind.problem("Why.", "req-1")).unwrap();
        reply(kind.status().as_u16(), MEDIA_TYPE, &body)
    }

    #[test]
    fn server_and_gateway_errors_have_an_unknown_effect() {
        let done = reply(200, "application/json", r#"{"message":"done"}"#);
        assert_eq!(done.effect(), Effect::Happened);
        let no = refused(ProblemKind::NoReplica).effect();
        assert_eq!(no, Effect::DidNotHappen);
        for kind in [ProblemKind::ReplicaFailed, ProblemKind::Internal] {
            assert_eq!(refused(kind).effect(), Effect::Unknown);
        }
    }

    #[test]
    fn error_page_without_a_problem_is_not_a_refusal() {
        let page = reply(404, "text/html", "<h1>Not found</h1>");
        assert!(matches!(
            page,
            CallResult::CallError(CallError::ContractViolation { .. })
        ));
    }
}
