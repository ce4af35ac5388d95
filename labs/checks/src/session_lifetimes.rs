//! Idle and absolute timeout of a session, tested from outside.
//!
//! The program reads its clock at an unknown moment between a request and its reply. A
//! session must be alive only if it is within the timeout at the latest of these moments,
//! and expired only if it is beyond the timeout at the earliest. If a busy machine makes
//! both uncertain, the run is inconclusive.
//!
//! The number of uses depends on the duration of requests, so all random values are drawn
//! in advance. The same seed then sends the same requests on every machine.

use grader::{CheckContext, CheckError, CheckResult, Reply};
use std::ops::Range;
use std::time::{Duration, Instant};

/// The two timeouts of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Maximum time without a use.
    pub(crate) idle: Duration,
    /// Maximum time since the login.
    pub(crate) absolute: Duration,
}

impl Limits {
    /// The program's arguments.
    pub(crate) fn args(self) -> [String; 4] {
        let (idle, absolute) = (millis(self.idle), millis(self.absolute));
        ["--idle-ms".into(), idle, "--absolute-ms".into(), absolute]
    }
}

/// A planned use of a session.
#[derive(Clone, Debug)]
pub(crate) struct PlannedUse {
    /// Pause after the preceding reply.
    pub(crate) after: Duration,
    /// Text of a note, if this use writes one.
    pub(crate) note: String,
    /// Index of the replica, 0 or 1.
    pub(crate) replica: usize,
}

/// Plans uses that cover at least `time`, with pauses in milliseconds from this range.
/// The duration of requests is not counted.
pub(crate) fn planned_uses(
    ctx: &CheckContext,
    time: Duration,
    pauses: Range<u64>,
) -> Vec<PlannedUse> {
    let most = time.as_millis() / u128::from(pauses.start.max(1)) + 2;
    let one = |_| PlannedUse {
        after: Duration::from_millis(ctx.random_number(pauses.start, pauses.end)),
        note: ctx.random_word(),
        replica: usize::from(ctx.random_number(0, 2) == 1),
    };
    (0..most).map(one).collect()
}

/// Milliseconds as text.
pub(crate) fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

/// Waits until `time` after a reply had been read.
pub(crate) async fn wait(ctx: &CheckContext, reply: &Reply, time: Duration) {
    tokio::time::sleep(time.saturating_sub(reply.at.1.elapsed())).await;
    ctx.note(format!("… {:.1} s later", time.as_secs_f64()));
}

/// Returns an inconclusive result if `limit` may have passed since `earliest`.
pub(crate) fn require_certain(
    limit: Duration,
    earliest: Instant,
    reply: &Reply,
) -> CheckResult {
    if reply.at.1 - earliest < limit {
        return Ok(());
    }
    Err(CheckError::inconclusive(
        "this machine was too busy: the requests were sent too late",
    ))
}

/// Help texts for a session that expires too early or too late.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HelpTexts<'a> {
    pub(crate) too_early: &'a str,
    pub(crate) too_late: &'a str,
}

/// Uses a session so often that its idle timeout never passes, until the absolute timeout
/// must end it. `use_it` gets the planned use and the session's age, and returns the
/// reply and the status that an alive session has.
pub(crate) async fn expires_absolutely<Seen>(
    ctx: &CheckContext,
    login: &Reply,
    limits: Limits,
    pauses: Range<u64>,
    help_texts: HelpTexts<'_>,
    use_it: impl Fn(PlannedUse, Duration) -> Seen,
) -> CheckResult
where
    Seen: Future<Output = Result<(Reply, u16), CheckError>>,
{
    let (earliest, latest) = login.at;
    let mut last = login.clone();
    // The sum of the pauses exceeds the absolute timeout.
    for one in planned_uses(ctx, limits.absolute, pauses) {
        wait(ctx, &last, one.after).await;
        let (reply, alive) = use_it(one, last.at.0 - earliest).await?;
        if reply.at.0 - latest > limits.absolute {
            return reply.expect(401, help_texts.too_late).map(drop);
        }
        require_certain(limits.idle, last.at.0, &reply)?;
        if reply.at.1 - earliest < limits.absolute {
            last = reply.expect(alive, help_texts.too_early)?;
        } else if reply.status == alive {
            last = reply;
        } else {
            // Between the two moments both results are correct. The session is expired
            // now.
            return Ok(());
        }
    }
    Err(anyhow::anyhow!("too few uses were planned for the absolute timeout").into())
}
