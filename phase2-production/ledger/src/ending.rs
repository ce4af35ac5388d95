//! Maps a reply, or its absence, to an outcome: ok, fail or info.

use crate::entry::{Answered, Ended};
use api_conformance::call_result::{CallError, CallResult, Effect, Reply};
use api_contract::problem::{Problem, ProblemKind};
use bytes::Bytes;
use http::StatusCode;

/// The completion of an operation.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) ended: Ended,
    pub(crate) answered: Answered,
    pub(crate) status: Option<u16>,
    pub(crate) why: Option<String>,
    pub(crate) served_by: Option<String>,
    pub(crate) request_id: Option<String>,
}

/// Problems with 503 after a store may have executed the command: a commit with a lost reply may
/// have happened. Their outcome is info.
const STORES: [ProblemKind; 3] = [
    ProblemKind::RecordsUnavailable,
    ProblemKind::FileStoreUnavailable,
    ProblemKind::SessionStoreUnavailable,
];

impl Ending {
    /// The completion of a call with a JSON or raw reply.
    pub(crate) fn of<T>(outcome: &CallResult<T>) -> Self {
        let ended = match outcome.effect() {
            Effect::Happened => Ended::Ok,
            Effect::DidNotHappen => Ended::Fail,
            Effect::Unknown => Ended::Unknown,
        };
        match outcome {
            CallResult::Done(reply) => Self::from(reply, ended, Answered::Done),
            CallResult::Refused(reply) => Self::refused(reply, ended),
            CallResult::CallError(broken) => Self::broken(broken, ended),
        }
    }

    /// The completion of a call without a reply body, because tus uses headers only. Also returns
    /// the reply, if there is one.
    pub(crate) fn of_headers(
        answer: Result<Reply<Bytes>, CallError>,
    ) -> (Self, Option<Reply<Bytes>>) {
        match answer {
            Ok(reply) => (Self::of_reply(&reply), Some(reply)),
            Err(error) => (Self::of(&CallResult::<()>::CallError(error)), None),
        }
    }

    fn of_reply(reply: &Reply<Bytes>) -> Self {
        if reply.status.is_success() {
            return Self::from(reply, Ended::Ok, Answered::Done);
        }
        let ended = match reply.status {
            StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Ended::Unknown,
            _ => Ended::Fail,
        };
        let problem = serde_json::from_slice::<Problem>(&reply.body).ok();
        // A reply to HEAD has no body, so only its status counts.
        let answered = match (&problem, reply.body.is_empty()) {
            (Some(_), _) | (None, true) => Answered::Problem,
            (None, false) => Answered::Foreign,
        };
        let mut ending = Self::from(reply, ended, answered);
        ending.why = problem.map(|problem| problem.slug().to_owned());
        ending
    }

    fn refused(reply: &Reply<Problem>, ended: Ended) -> Self {
        let slug = reply.body.slug();
        let a_store = STORES.iter().any(|kind| kind.slug() == slug);
        let ended = if a_store { Ended::Unknown } else { ended };
        let mut ending = Self::from(reply, ended, Answered::Problem);
        ending.why = Some(slug.to_owned());
        ending
    }

    fn broken(broken: &CallError, ended: Ended) -> Self {
        let (answered, status) = match broken {
            CallError::NoResponse(_) => (Answered::NotAtAll, None),
            CallError::Truncated { status, .. } => {
                (Answered::CutShort, Some(status.as_u16()))
            }
            CallError::ContractViolation { status, .. } => {
                (Answered::Foreign, Some(status.as_u16()))
            }
        };
        let why = match broken {
            CallError::NoResponse(cause) | CallError::Truncated { cause, .. } => {
                innermost(cause)
            }
            foreign @ CallError::ContractViolation { .. } => foreign.to_string(),
        };
        let served_by = match broken {
            CallError::Truncated { served_by, .. } => served_by.clone(),
            _ => None,
        };
        Self { ended, answered, status, why: Some(why), served_by, request_id: None }
    }

    fn from<T>(reply: &Reply<T>, ended: Ended, answered: Answered) -> Self {
        Self {
            ended,
            answered,
            status: Some(reply.status.as_u16()),
            why: None,
            served_by: reply.served_by().map(str::to_owned),
            request_id: reply.request_id().map(str::to_owned),
        }
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
