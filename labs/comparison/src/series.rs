//! What happened to the requests of one design in one scenario. Every figure of the
//! comparison that has to do with requests is counted from this.

use std::collections::BTreeSet;

/// How a request ended, seen from the user's chair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As it should.
    Fine,
    /// 401 for a proof that was given out, has time left, and was never given back.
    LoginLost,
    /// No answer, or one that says that the system cannot (5xx).
    Failed,
    /// No answer within the user's patience: a busy machine may be why.
    TimedOut,
}

impl Ended {
    /// Whether the system failed the user, rather than forgot them.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }
}

/// One request. Times are microseconds since the load began.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Who made it, from 0.
    pub user: usize,
    /// When it was meant to start.
    pub intended_us: u64,
    /// When it was sent: later, if its user was still waiting for another.
    pub sent_us: u64,
    /// When its answer was there, or was given up.
    pub ended_us: u64,
    /// How it ended.
    pub ended: Ended,
    /// The replica that answered.
    pub served_by: Option<String>,
}

impl Sample {
    /// From when it was meant to start to its end, in microseconds.
    #[must_use]
    pub const fn latency_us(&self) -> u64 {
        self.ended_us.saturating_sub(self.intended_us)
    }
}

/// All requests of one design in one scenario.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// How many users there were.
    pub users: usize,
    /// In the order in which they ended.
    pub samples: Vec<Sample>,
    /// How long there was load, in microseconds.
    pub span_us: u64,
    /// When the fault began; [`None`] where there is none.
    pub fault_us: Option<u64>,
    /// When what was done was done: the last replica is back, or the order is answered.
    pub done_us: Option<u64>,
}

impl Series {
    /// How many requests ended in one way.
    #[must_use]
    pub fn count(&self, of: impl Fn(Ended) -> bool) -> usize {
        self.samples.iter().filter(|sample| of(sample.ended)).count()
    }

    /// Requests that ended since the fault; all of them where there was none.
    pub fn since_fault(&self) -> impl DoubleEndedIterator<Item = &Sample> {
        let fault = self.fault_us.unwrap_or(0);
        self.samples.iter().filter(move |sample| sample.ended_us >= fault)
    }

    /// Who lost a login since the fault.
    #[must_use]
    pub fn logged_out(&self) -> BTreeSet<usize> {
        let lost = self.since_fault().filter(|one| one.ended == Ended::LoginLost);
        lost.map(|one| one.user).collect()
    }

    /// How many answers the least busy user has had since a moment. An error is none: it
    /// says nothing of who is logged in.
    #[must_use]
    pub fn fewest_answers_since(&self, moment_us: u64) -> usize {
        let mut counts = vec![0_usize; self.users];
        for sample in self.samples.iter().rev() {
            if sample.ended_us < moment_us {
                break;
            }
            counts[sample.user] += usize::from(!sample.ended.is_error());
        }
        counts.into_iter().min().unwrap_or(0)
    }

    /// Adds what was measured in another turn of the same load.
    pub fn append(&mut self, turn: Self) {
        let shift = self.span_us;
        self.users = turn.users;
        self.samples.extend(turn.samples.into_iter().map(|mut sample| {
            sample.intended_us += shift;
            sample.sent_us += shift;
            sample.ended_us += shift;
            sample
        }));
        self.span_us += turn.span_us;
    }
}
