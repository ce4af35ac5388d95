//! What became of a call: it was done, it was refused, or nobody can tell.
//!
//! The third is the reason for this file. A client that takes a lost answer for a refusal
//! repeats what was done, and one that takes it for success loses data; so an error of
//! the transport is never mixed up with an error reply.

use api_contract::headers::{REQUEST_ID, SERVED_BY};
use api_contract::problem::{MEDIA_TYPE, Problem};
use bytes::Bytes;
use http::header::{AsHeaderName, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

/// An answer that arrived whole.
#[derive(Clone, Debug)]
pub struct Reply<T> {
    /// The status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, read as what the contract says it is.
    pub body: T,
}

impl<T> Reply<T> {
    /// One header as text; `None` when it is missing or is not text.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The replica that answered.
    #[must_use]
    pub fn served_by(&self) -> Option<&str> {
        self.header(SERVED_BY)
    }

    /// The request's id, to be found in the server's log.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.header(REQUEST_ID)
    }

    fn with_body<U>(self, body: U) -> Reply<U> {
        Reply { status: self.status, headers: self.headers, body }
    }
}

/// What became of a call.
#[derive(Debug)]
pub enum Outcome<T> {
    /// The server did it (2xx), or had nothing to send again (304).
    Done(Reply<T>),
    /// The server said no, in the contract's shape.
    Refused(Reply<Problem>),
    /// There is no answer, or none that the contract knows.
    Broken(Broken),
}

/// Why there is no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The transport failed: no connection, a reset, a timeout.
    #[error("no answer")]
    NoAnswer(#[source] reqwest::Error),
    /// The head of an answer came, and not all of its body: whoever sent it is gone.
    #[error("status {status}, and an answer that broke off")]
    CutShort {
        /// Its status.
        status: StatusCode,
        /// Which replica had begun to answer, if it said so.
        served_by: Option<String>,
        /// What broke.
        #[source]
        cause: reqwest::Error,
    },
    /// An answer came, but not one that the contract allows.
    #[error("status {status}, but {problem}")]
    NotTheContract {
        /// Its status.
        status: StatusCode,
        /// What is wrong with it.
        problem: String,
    },
}

/// Whether a call changed anything on the server: what a ledger of calls has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It was carried out.
    Happened,
    /// It surely was not.
    DidNotHappen,
    /// It may have been.
    Unknown,
}

impl<T> Outcome<T> {
    /// Whether the call changed anything. A server that failed half-way (500) and a
    /// gateway that lost its replica (502, 504) do not know either.
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
            Self::Broken(Broken::NoAnswer(error)) => {
                if error.is_connect() || error.is_builder() {
                    Effect::DidNotHappen
                } else {
                    Effect::Unknown
                }
            }
            Self::Broken(Broken::CutShort { .. } | Broken::NotTheContract { .. }) => {
                Effect::Unknown
            }
        }
    }
}

/// Reads an answer whose body is JSON.
pub(crate) fn json<T: DeserializeOwned>(
    answer: Result<Reply<Bytes>, Broken>,
) -> Outcome<T> {
    match bytes(answer) {
        Outcome::Done(reply) => match serde_json::from_slice(&reply.body) {
            Ok(body) => Outcome::Done(reply.with_body(body)),
            Err(error) => not_the_contract(reply.status, format!("the body: {error}")),
        },
        Outcome::Refused(reply) => Outcome::Refused(reply),
        Outcome::Broken(broken) => Outcome::Broken(broken),
    }
}

/// Reads an answer whose body is a file.
pub(crate) fn bytes(answer: Result<Reply<Bytes>, Broken>) -> Outcome<Bytes> {
    match answer {
        Ok(reply) if succeeded(reply.status) => Outcome::Done(reply),
        Ok(reply) => refusal(reply),
        Err(broken) => Outcome::Broken(broken),
    }
}

fn succeeded(status: StatusCode) -> bool {
    status.is_success() || status == StatusCode::NOT_MODIFIED
}

fn refusal<T>(reply: Reply<Bytes>) -> Outcome<T> {
    let media_type = reply.header(CONTENT_TYPE).unwrap_or_default();
    if media_type != MEDIA_TYPE {
        let problem = format!("its type is {media_type:?} and not {MEDIA_TYPE:?}");
        return not_the_contract(reply.status, problem);
    }
    match serde_json::from_slice(&reply.body) {
        Ok(problem) => Outcome::Refused(reply.with_body(problem)),
        Err(error) => not_the_contract(reply.status, format!("the problem: {error}")),
    }
}

fn not_the_contract<T>(status: StatusCode, problem: String) -> Outcome<T> {
    Outcome::Broken(Broken::NotTheContract { status, problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use api_contract::Message;
    use api_contract::problem::ProblemKind;

    fn answer(status: u16, media_type: &str, body: &str) -> Outcome<Message> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, media_type.parse().unwrap());
        json(Ok(Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }))
    }

    fn refused(kind: ProblemKind) -> Outcome<Message> {
        let body = serde_json::to_string(&kind.problem("Why.", "req-1")).unwrap();
        answer(kind.status().as_u16(), MEDIA_TYPE, &body)
    }

    #[test]
    fn a_server_or_gateway_that_broke_off_leaves_the_effect_unknown() {
        let done = answer(200, "application/json", r#"{"message":"done"}"#);
        assert_eq!(done.effect(), Effect::Happened);
        let no = refused(ProblemKind::NoReplica).effect();
        assert_eq!(no, Effect::DidNotHappen);
        for kind in [ProblemKind::ReplicaFailed, ProblemKind::Internal] {
            assert_eq!(refused(kind).effect(), Effect::Unknown);
        }
    }

    #[test]
    fn an_error_page_that_is_no_problem_is_not_taken_for_a_refusal() {
        let page = answer(404, "text/html", "<h1>Not found</h1>");
        assert!(matches!(page, Outcome::Broken(Broken::NotTheContract { .. })));
    }
}
