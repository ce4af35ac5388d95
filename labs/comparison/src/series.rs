//! The requests of one design in one scenario, from which every request figure of the
//! comparison is computed.

use std::collections::BTreeSet;
pub use workload::RequestResult;
use workload::entry::{Entry, Operation};

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

/// The scheduled requests of a load. The load starts `start_us` microseconds after the
/// history. A request that had to log in first was sent at the start of its login.
pub(crate) fn samples(entries: &[Entry], users: usize, start_us: u64) -> Vec<Sample> {
    let mut login_sent_us = vec![None; users];
    let mut samples = Vec::new();
    for entry in entries {
        let Some(intended_us) = entry.intended_us else { continue };
        let (user, result) = (entry.user, entry.request_result());
        if entry.operation == Operation::LogIn && result == RequestResult::Success {
            login_sent_us[user] = Some(entry.invoked_us);
            continue;
        }
        let sent_us = login_sent_us[user].take().unwrap_or(entry.invoked_us);
        samples.push(Sample {
            user,
            intended_us: intended_us - start_us,
            sent_us: sent_us - start_us,
            completed_us: entry.completed_us - start_us,
            result,
            served_by: entry.served_by.clone(),
        });
    }
    samples
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
