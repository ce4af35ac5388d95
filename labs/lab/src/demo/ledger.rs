//! The ledger: every request with its result. All figures of the demo are counted from it.

use report::statistics::whole_millis;
use serde::Serialize;
use std::time::{Duration, Instant};

/// When a request was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Before the fault.
    Baseline,
    /// Since the fault.
    Fault,
}

/// The result of a request for its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RequestResult {
    /// A correct answer.
    #[serde(rename = "fine")]
    Success,
    /// 401 for a credential that was issued, has not expired and was not revoked.
    LoginLost,
    /// No answer, or 5xx.
    Failed,
}

/// One request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) user: usize,
    pub(crate) phase: Phase,
    pub(crate) outcome: RequestResult,
    pub(crate) call: &'static str,
    /// The reason of a failure; absent on success.
    pub(crate) why: Option<String>,
    pub(crate) served_by: Option<String>,
    /// Milliseconds since the users started.
    pub(crate) ended_ms: u64,
    /// Microseconds from the first byte sent to the end of the answer.
    pub(crate) took_us: u64,
}

/// An upload that was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct AcknowledgedUpload {
    pub(crate) user: usize,
    pub(crate) file_id: String,
    /// Of the bytes that were sent, computed by the client.
    pub(crate) sha256: String,
    /// Whether the acknowledgement had the same hash.
    pub(crate) hash_matches: bool,
}

/// All requests of one configuration.
#[derive(Debug)]
pub(crate) struct Ledger {
    started_at: Instant,
    pub(crate) entries: Vec<Entry>,
    pub(crate) uploads: Vec<AcknowledgedUpload>,
    /// The name of each user's upload that was sent and is not acknowledged.
    pub(crate) pending: Vec<Option<String>>,
    /// The replica of each user's last login.
    pub(crate) login_replicas: Vec<Option<String>>,
    /// The same at the time of the fault.
    pub(crate) login_replicas_at_fault: Vec<Option<String>>,
    /// Milliseconds since the users started.
    pub(crate) fault_ms: Option<u64>,
    pub(crate) phase: Phase,
}

impl Ledger {
    pub(crate) fn new(users: usize) -> Self {
        Self {
            started_at: Instant::now(),
            entries: Vec::new(),
            uploads: Vec::new(),
            pending: vec![None; users],
            login_replicas: vec![None; users],
            login_replicas_at_fault: vec![None; users],
            fault_ms: None,
            phase: Phase::Baseline,
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        whole_millis(self.started_at.elapsed())
    }

    /// Starts the fault phase.
    pub(crate) fn start_fault(&mut self) {
        self.phase = Phase::Fault;
        self.fault_ms = Some(self.now_ms());
        self.login_replicas_at_fault.clone_from(&self.login_replicas);
    }

    /// The number of answers of the user with the fewest since a moment. A failed request
    /// does not count, because it shows nothing about the login.
    pub(crate) fn fewest_answers_since(&self, moment_ms: u64) -> usize {
        let mut counts = vec![0; self.login_replicas.len()];
        for entry in self.entries.iter().rev() {
            if entry.ended_ms < moment_ms {
                break;
            }
            counts[entry.user] += usize::from(entry.outcome != RequestResult::Failed);
        }
        counts.into_iter().min().unwrap_or(0)
    }

    /// Whether every user has made this many requests since the fault, and the last ones
    /// are all of one kind.
    pub(crate) fn each_ends_with(
        &self,
        requests: usize,
        kind: impl Fn(RequestResult) -> bool,
    ) -> bool {
        (0..self.login_replicas.len()).all(|user| {
            let since =
                |entry: &&Entry| entry.user == user && entry.phase == Phase::Fault;
            let last = self.entries.iter().rev().filter(since).take(requests);
            last.filter(|entry| kind(entry.outcome)).count() == requests
        })
    }
}

/// Milliseconds as seconds.
pub(crate) fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: usize = 3;

    fn ledger(outcomes: &[(usize, RequestResult)]) -> Ledger {
        let mut ledger = Ledger::new(2);
        let baseline = std::iter::repeat_n((0, RequestResult::Success), REQUESTS)
            .chain(std::iter::repeat_n((1, RequestResult::Success), REQUESTS));
        baseline.for_each(|(user, outcome)| add(&mut ledger, user, outcome));
        ledger.start_fault();
        outcomes.iter().for_each(|(user, outcome)| add(&mut ledger, *user, *outcome));
        ledger
    }

    fn add(ledger: &mut Ledger, user: usize, outcome: RequestResult) {
        let (phase, ended_ms) = (ledger.phase, ledger.now_ms());
        let (call, why, served_by) = ("list", None, None);
        ledger.entries.push(Entry {
            user,
            phase,
            outcome,
            call,
            why,
            served_by,
            ended_ms,
            took_us: 1_000,
        });
    }

    #[test]
    fn users_without_requests_since_the_fault_are_not_quiesced() {
        let quiesced = |ledger: &Ledger| {
            ledger.each_ends_with(REQUESTS, |result| result != RequestResult::Failed)
        };
        let mut outcomes = vec![(0, RequestResult::Success); REQUESTS];
        assert!(!quiesced(&ledger(&outcomes)), "user 1 was starved");
        outcomes.extend([(1, RequestResult::Failed); 1]);
        outcomes.extend([(1, RequestResult::LoginLost); REQUESTS]);
        assert!(quiesced(&ledger(&outcomes)));
    }

    #[test]
    fn failed_request_is_not_an_answer() {
        let outcomes = [
            (0, RequestResult::Success),
            (1, RequestResult::Failed),
            (1, RequestResult::Failed),
        ];
        assert_eq!(ledger(&outcomes[1..]).fewest_answers_since(0), REQUESTS);
        let mut starved = Ledger::new(2);
        outcomes.iter().for_each(|(user, ended)| add(&mut starved, *user, *ended));
        assert_eq!(starved.fewest_answers_since(0), 0);
    }
}
