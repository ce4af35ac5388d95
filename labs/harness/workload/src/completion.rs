//! Maps a reply, or its absence, to an outcome: ok, fail or info.

use crate::entry::{OperationOutcome, ReplyKind};
use api_contract::problem::{Problem, ProblemKind};
use bytes::Bytes;
use client::{CallError, CallResult, Effect, Reply};
use http::StatusCode;
use std::time::Instant;

/// The completion of an operation.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) completed_at: Instant,
    pub(crate) outcome: OperationOutcome,
    pub(crate) reply_kind: ReplyKind,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) served_by: Option<String>,
    pub(crate) request_id: Option<String>,
}

/// Problems with 503 after a store may have executed the command: a commit with a lost reply may
/// have happened. Their outcome is info.
const STORE_PROBLEMS: [ProblemKind; 3] = [
    ProblemKind::RecordsUnavailable,
    ProblemKind::FileStoreUnavailable,
    ProblemKind::SessionStoreUnavailable,
];

/// The error of a request without a reply before the timeout of the client.
pub(crate) const CLIENT_TIMEOUT: &str = "operation timed out";

impl Completion {
    /// The completion of a call with a JSON or raw reply.
    pub(crate) fn of<T>(call_result: &CallResult<T>) -> Self {
        let outcome = match call_result.effect() {
            Effect::Happened => OperationOutcome::Ok,
            Effect::DidNotHappen => OperationOutcome::Fail,
            Effect::Unknown => OperationOutcome::Info,
        };
        match call_result {
            CallResult::Done(reply) => {
                Self::with_reply(reply, outcome, ReplyKind::Success)
            }
            CallResult::Refused(reply) => Self::of_problem(reply, outcome),
            CallResult::CallError(call_error) => Self::of_call_error(call_error, outcome),
        }
    }

    /// The completion of a call without a reply body, because tus uses headers only. Also returns
    /// the reply, if there is one.
    pub(crate) fn of_headers(
        result: Result<Reply<Bytes>, CallError>,
    ) -> (Self, Option<Reply<Bytes>>) {
        match result {
            Ok(reply) => (Self::of_reply(&reply), Some(reply)),
            Err(error) => (Self::of(&CallResult::<()>::CallError(error)), None),
        }
    }

    fn of_reply(reply: &Reply<Bytes>) -> Self {
        if reply.status.is_success() {
            return Self::with_reply(reply, OperationOutcome::Ok, ReplyKind::Success);
        }
        let outcome = match reply.status {
            StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => OperationOutcome::Info,
            _ => OperationOutcome::Fail,
        };
        let problem = serde_json::from_slice::<Problem>(&reply.body).ok();
        // A reply to HEAD has no body, so only its status counts.
        let reply_kind = match (&problem, reply.body.is_empty()) {
            (Some(_), _) | (None, true) => ReplyKind::Problem,
            (None, false) => ReplyKind::ContractViolation,
        };
        let mut completion = Self::with_reply(reply, outcome, reply_kind);
        completion.error = problem.map(|problem| problem.slug().to_owned());
        completion
    }

    fn of_problem(reply: &Reply<Problem>, outcome: OperationOutcome) -> Self {
        let slug = reply.body.slug();
        let is_store_problem = STORE_PROBLEMS.iter().any(|kind| kind.slug() == slug);
        let outcome = if is_store_problem { OperationOutcome::Info } else { outcome };
        let mut completion = Self::with_reply(reply, outcome, ReplyKind::Problem);
        completion.error = Some(slug.to_owned());
        completion
    }

    fn of_call_error(call_error: &CallError, outcome: OperationOutcome) -> Self {
        let (reply_kind, status) = match call_error {
            CallError::NoResponse(_) => (ReplyKind::NoReply, None),
            CallError::Truncated { status, .. } => {
                (ReplyKind::Truncated, Some(status.as_u16()))
            }
            CallError::ContractViolation { status, .. } => {
                (ReplyKind::ContractViolation, Some(status.as_u16()))
            }
        };
        let error = match call_error {
            CallError::NoResponse(cause) if cause.is_timeout() => {
                CLIENT_TIMEOUT.to_owned()
            }
            CallError::NoResponse(cause) | CallError::Truncated { cause, .. } => {
                innermost_cause(cause)
            }
            violation @ CallError::ContractViolation { .. } => violation.to_string(),
        };
        let served_by = match call_error {
            CallError::Truncated { served_by, .. } => served_by.clone(),
            _ => None,
        };
        Self {
            completed_at: Instant::now(),
            outcome,
            reply_kind,
            status,
            error: Some(error),
            served_by,
            request_id: None,
        }
    }

    fn with_reply<T>(
        reply: &Reply<T>,
        outcome: OperationOutcome,
        reply_kind: ReplyKind,
    ) -> Self {
        Self {
            completed_at: Instant::now(),
            outcome,
            reply_kind,
            status: Some(reply.status.as_u16()),
            error: None,
            served_by: reply.served_by().map(str::to_owned),
            request_id: reply.request_id().map(str::to_owned),
        }
    }
}

fn innermost_cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
