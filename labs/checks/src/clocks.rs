//! Idle and absolute time of a session, seen from outside.
//!
//! When the program looks at its clock is not known, only that it does so between a
//! request and its reply. So a session is expected to be alive only if it is at the latest
//! of these moments, and to be dead only if it is at the earliest. On a machine so busy
//! that neither is certain, nothing is said.
//!
//! How often a session is used depends on how long requests take, so what a use needs of
//! chance is drawn before: the same seed asks the same, however busy the machine is.

use grader::{Exam, Outcome, Reply, Stop};
use std::ops::Range;
use std::time::{Duration, Instant};

/// The two times after which a session is dead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Without being used.
    pub(crate) idle: Duration,
    /// At all.
    pub(crate) absolute: Duration,
}

impl Limits {
    /// The program's arguments.
    pub(crate) fn args(self) -> [String; 4] {
        let (idle, absolute) = (millis(self.idle), millis(self.absolute));
        ["--idle-ms".into(), idle, "--absolute-ms".into(), absolute]
    }
}

/// One use of a session that is to come.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    /// How long after the reply to the one before.
    pub(crate) after: Duration,
    /// A text, if it is to write one.
    pub(crate) word: String,
    /// Where, of two replicas.
    pub(crate) replica: usize,
}

/// Uses for so long a time, whatever the requests themselves take: pauses are of so many
/// milliseconds.
pub(crate) fn uses(exam: &Exam, time: Duration, pauses: Range<u64>) -> Vec<Use> {
    let most = time.as_millis() / u128::from(pauses.start.max(1)) + 2;
    let one = |_| Use {
        after: Duration::from_millis(exam.number(pauses.start, pauses.end)),
        word: exam.word(),
        replica: usize::from(exam.number(0, 2) == 1),
    };
    (0..most).map(one).collect()
}

/// As an argument, and for people.
pub(crate) fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

/// Waits until so long after a reply had been read.
pub(crate) async fn wait(exam: &Exam, reply: &Reply, time: Duration) {
    tokio::time::sleep(time.saturating_sub(reply.at.1.elapsed())).await;
    exam.say(format!("… {:.1} s later", time.as_secs_f64()));
}

/// A session must not be called dead before `limit` has passed since `earliest`.
pub(crate) fn surely_within(
    limit: Duration,
    earliest: Instant,
    reply: &Reply,
) -> Outcome {
    if reply.at.1 - earliest < limit {
        return Ok(());
    }
    Err(Stop::unsure("this machine was too busy: the requests came too late"))
}

/// What is said of a session that is dead too early, and of one that is alive too late.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Helps<'a> {
    pub(crate) too_early: &'a str,
    pub(crate) too_late: &'a str,
}

/// Uses a session so often that its idle time never passes, until it has to be dead all the
/// same. `use_it` is also told how long before the session was born, and says what status
/// it has while it is alive.
pub(crate) async fn dies_of_old_age<Seen>(
    exam: &Exam,
    login: &Reply,
    limits: Limits,
    pauses: Range<u64>,
    helps: Helps<'_>,
    use_it: impl Fn(Use, Duration) -> Seen,
) -> Outcome
where
    Seen: Future<Output = Result<(Reply, u16), Stop>>,
{
    let (earliest, latest) = login.at;
    let mut last = login.clone();
    // The pauses alone are longer than the absolute time.
    for one in uses(exam, limits.absolute, pauses) {
        wait(exam, &last, one.after).await;
        let (reply, alive) = use_it(one, last.at.0 - earliest).await?;
        if reply.at.0 - latest > limits.absolute {
            return reply.expect(401, helps.too_late).map(drop);
        }
        surely_within(limits.idle, last.at.0, &reply)?;
        if reply.at.1 - earliest < limits.absolute {
            last = reply.expect(alive, helps.too_early)?;
        } else if reply.status == alive {
            last = reply;
        } else {
            // Between the two moments it may be dead or alive; now it is dead.
            return Ok(());
        }
    }
    Err(anyhow::anyhow!("too few uses were drawn for the absolute time").into())
}
