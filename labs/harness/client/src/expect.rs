//! Assertions of the checks. Their errors show the expected and the actual result.

use crate::call_result::{CallError, CallResult, Reply};
use anyhow::{Context, bail, ensure};
use api_contract::problem::{Problem, ProblemKind};
use http::StatusCode;
use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use std::fmt::Debug;

/// Compares two values. The error names `what` and shows both values.
///
/// # Errors
/// When they differ.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a check compares temporary values; references would only be noise"
)]
pub fn equal<A, E>(what: &str, actual: A, expected: E) -> anyhow::Result<()>
where
    A: Debug + PartialEq<E>,
    E: Debug,
{
    ensure!(
        actual == expected,
        "{what}\n  expected: {expected:?}\n  actual:   {actual:?}"
    );
    Ok(())
}

impl<T> CallResult<T> {
    /// The reply to a call that must succeed.
    ///
    /// # Errors
    /// When it did not.
    pub fn done(self) -> anyhow::Result<Reply<T>> {
        match self {
            Self::Done(reply) => Ok(reply),
            Self::Refused(reply) => {
                bail!("expected: success\n  actual:   {}", summary(&reply))
            }
            Self::CallError(broken) => Err(broken).context("expected: success"),
        }
    }

    /// The problem of a call that must be refused with this kind of problem. Also checks the
    /// required members and headers of the problem.
    ///
    /// # Errors
    /// When the call succeeded, had another problem, or the problem is incomplete.
    pub fn refused_as(self, kind: ProblemKind) -> anyhow::Result<Reply<Problem>> {
        let expected = format!("{} {}", kind.status().as_u16(), kind.slug());
        match self {
            Self::Done(reply) => {
                bail!("expected: {expected}\n  actual:   {}", reply.status)
            }
            Self::Refused(reply) => {
                ensure!(
                    reply.body.slug() == kind.slug(),
                    "expected: {expected}\n  actual:   {}",
                    summary(&reply)
                );
                check_problem(&reply, kind)?;
                Ok(reply)
            }
            Self::CallError(broken) => {
                Err(broken).with_context(|| format!("expected: {expected}"))
            }
        }
    }

    /// The status of the reply.
    ///
    /// # Errors
    /// When there is no complete reply.
    pub fn status(&self) -> anyhow::Result<StatusCode> {
        match self {
            Self::Done(reply) => Ok(reply.status),
            Self::Refused(reply) => Ok(reply.status),
            Self::CallError(CallError::ContractViolation { status, .. }) => Ok(*status),
            Self::CallError(CallError::Truncated { cause, .. }) => {
                bail!("the reply was truncated: {cause:?}")
            }
            Self::CallError(CallError::NoResponse(error)) => bail!("no reply: {error:?}"),
        }
    }
}

/// Checks the members of a problem (RFC 9457 §3), and the header that its status requires.
fn check_problem(reply: &Reply<Problem>, kind: ProblemKind) -> anyhow::Result<()> {
    let problem = &reply.body;
    equal("the status", reply.status, kind.status())?;
    equal("the status in the body", problem.status, reply.status.as_u16())?;
    let named = format!("/problems/{}", kind.slug());
    equal("the problem's type", problem.kind.as_str(), named)?;
    equal("the problem's title", problem.title.as_str(), kind.title())?;
    ensure!(!problem.detail.is_empty(), "the problem has no detail");
    equal(
        "the problem's instance, which is the request id",
        Some(problem.instance.as_str()),
        reply.request_id(),
    )?;
    ensure!(reply.served_by().is_some(), "no X-Served-By header");
    let required = match reply.status {
        StatusCode::UNAUTHORIZED => WWW_AUTHENTICATE,
        StatusCode::METHOD_NOT_ALLOWED => ALLOW,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => RETRY_AFTER,
        _ => return Ok(()),
    };
    ensure!(reply.header(&required).is_some(), "a {} without {required}", reply.status);
    Ok(())
}

fn summary(reply: &Reply<Problem>) -> String {
    let problem = &reply.body;
    format!("{} {}: {}", problem.status, problem.slug(), problem.detail)
}
