//! The requests of one design in one scenario, from which every request figure of the
//! comparison is computed.

use std::collections::BTreeSet;

/// The result of a request, from the user's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestResult {
    /// As expected.
    Success,
    /// 401 for a credential that was issued, has not expired and was not revoked by its user.
    LoginLost,
    /// No answer, or a 5xx answer.
    Failed,
    /// No answer before the client's timeout; a busy machine is a possible cause.
    TimedOut,
}

impl RequestResult {
    /// Whether the request failed, in contrast to a lost login.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }
}

/// One request. Times are microseconds since the start of the load.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The user's number, from 0.
    pub user: usize,
    /// The intended start.
    pub intended_us: u64,
    /// The actual start: later if the user's previous request was still under way.
    pub sent_us: u64,
    /// The end of the answer, or of the wait for it.
    pub completed_us: u64,
    /// The result.
    pub result: RequestResult,
    /// The replica that answered.
    pub served_by: Option<String>,
}

impl Sample {
    /// Latency from the intended start, in microseconds.
    #[must_use]
    pub const fn latency_us(&self) -> u64 {
        self.completed_us.saturating_sub(self.intended_us)
    }
}

/// All requests of one design in one scenario.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// The number of users.
    pub users: usize,
    /// In the order of their ends.
    pub samples: Vec<Sample>,
    /// Duration of the load, in microseconds.
    pub duration_us: u64,
    /// Start of the fault; [`None`] without a fault.
    pub fault_start_us: Option<u64>,
    /// End of the fault: the last replica is ready again, or the revocation is answered.
    pub fault_end_us: Option<u64>,
}

impl Series {
    /// The number of requests with a certain result.
    #[must_use]
    pub fn count(&self, of: impl Fn(RequestResult) -> bool) -> usize {
        self.samples.iter().filter(|sample| of(sample.result)).count()
    }

    /// Requests that ended since the fault; all requests without a fault.
    pub fn since_fault(&self) -> impl DoubleEndedIterator<Item = &Sample> {
        let fault = self.fault_start_us.unwrap_or(0);
        self.samples.iter().filter(move |sample| sample.completed_us >= fault)
    }

    /// The users that lost a login since the fault.
    #[must_use]
    pub fn logged_out(&self) -> BTreeSet<usize> {
        let lost =
            self.since_fault().filter(|one| one.result == RequestResult::LoginLost);
        lost.map(|one| one.user).collect()
    }

    /// The answers of the user with the fewest since a moment. Errors do not count: they show
    /// neither a login nor its loss.
    #[must_use]
    pub fn fewest_answers_since(&self, moment_us: u64) -> usize {
        let mut counts = vec![0_usize; self.users];
        for sample in self.samples.iter().rev() {
            if sample.completed_us < moment_us {
                break;
            }
            counts[sample.user] += usize::from(!sample.result.is_error());
        }
        counts.into_iter().min().unwrap_or(0)
    }

    /// Appends another round of the same load.
    pub fn append(&mut self, round: Self) {
        let shift = self.duration_us;
        self.users = round.users;
        self.samples.extend(round.samples.into_iter().map(|mut sample| {
            sample.intended_us += shift;
            sample.sent_us += shift;
            sample.completed_us += shift;
            sample
        }));
        self.duration_us += round.duration_us;
    }
}
