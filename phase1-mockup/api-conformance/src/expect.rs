//! What the checks expect, in failures that say expected and actual.

use crate::outcome::{Broken, Outcome, Reply};
use crate::process::run_to_end;
use anyhow::{Context, bail, ensure};
use api_contract::problem::{Problem, ProblemKind};
use http::StatusCode;
use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use std::fmt::Debug;
use std::path::Path;

/// Compares; the failure names `what` and shows both sides.
///
/// # Errors
/// When they differ.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a check compares what it has just made; a reference would only be noise"
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

impl<T> Outcome<T> {
    /// The answer to a call that should have been done.
    ///
    /// # Errors
    /// When it was not.
    pub fn done(self) -> anyhow::Result<Reply<T>> {
        match self {
            Self::Done(reply) => Ok(reply),
            Self::Refused(reply) => {
                bail!("expected: it is done\n  actual:   {}", told(&reply))
            }
            Self::Broken(broken) => Err(broken).context("expected: it is done"),
        }
    }

    /// The refusal of a call that should have been refused in just this way, having
    /// checked that it says everything that a refusal has to say.
    ///
    /// # Errors
    /// When it was done, refused in another way, or the refusal is incomplete.
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
                    told(&reply)
                );
                complete(&reply, kind)?;
                Ok(reply)
            }
            Self::Broken(broken) => {
                Err(broken).with_context(|| format!("expected: {expected}"))
            }
        }
    }

    /// The status, whatever the call came to.
    ///
    /// # Errors
    /// When there was no answer.
    pub fn status(&self) -> anyhow::Result<StatusCode> {
        match self {
            Self::Done(reply) => Ok(reply.status),
            Self::Refused(reply) => Ok(reply.status),
            Self::Broken(Broken::NotTheContract { status, .. }) => Ok(*status),
            Self::Broken(Broken::CutShort { cause, .. }) => bail!("cut short: {cause:?}"),
            Self::Broken(Broken::NoAnswer(error)) => bail!("no answer: {error:?}"),
        }
    }
}

/// Checks the shape of one refusal (RFC 9457 §3, and what the status itself asks for).
fn complete(reply: &Reply<Problem>, kind: ProblemKind) -> anyhow::Result<()> {
    let problem = &reply.body;
    equal("the status", reply.status, kind.status())?;
    equal("the status in the body", problem.status, reply.status.as_u16())?;
    let named = format!("/problems/{}", kind.slug());
    equal("the problem's type", problem.kind.as_str(), named)?;
    equal("the problem's title", problem.title.as_str(), kind.title())?;
    ensure!(!problem.detail.is_empty(), "the problem has no detail");
    equal(
        "the problem's instance, which is the request's id",
        Some(problem.instance.as_str()),
        reply.request_id(),
    )?;
    ensure!(reply.served_by().is_some(), "nobody signed the refusal");
    let needed = match reply.status {
        StatusCode::UNAUTHORIZED => WWW_AUTHENTICATE,
        StatusCode::METHOD_NOT_ALLOWED => ALLOW,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => RETRY_AFTER,
        _ => return Ok(()),
    };
    ensure!(reply.header(&needed).is_some(), "a {} comes without {needed}", reply.status);
    Ok(())
}

fn told(reply: &Reply<Problem>) -> String {
    let problem = &reply.body;
    format!("{} {}: {}", problem.status, problem.slug(), problem.detail)
}

/// Checks that a program ends at once with exit code 2 and one line on standard error,
/// which holds all of `advice` and neither a stack trace nor the word `CANARY`.
///
/// # Errors
/// When it ends in any other way, or does not end.
pub async fn refuses_to_start(
    program: &str,
    flags: &[String],
    advice: &[&str],
) -> anyhow::Result<()> {
    let ended = run_to_end(Path::new(program), flags).await?;
    let said = &ended.stderr;
    equal("the exit code", ended.status.code(), Some(2))?;
    equal("lines on standard error", said.lines().count(), 1)?;
    for part in advice {
        ensure!(
            said.contains(part),
            "expected: a line with {part:?}\n  actual:   {said}"
        );
    }
    for leak in ["panicked", "stack backtrace", "CANARY"] {
        ensure!(!said.contains(leak), "{leak:?} does not belong into: {said}");
    }
    Ok(())
}
