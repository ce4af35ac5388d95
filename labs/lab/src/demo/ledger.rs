//! What happened, request by request. Every figure of the demo is counted from this.

use serde::Serialize;
use std::time::{Duration, Instant};

/// When a request was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Before the fault.
    Baseline,
    /// From the fault on.
    Fault,
}

/// How a request ended, seen from the user's chair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// As it should.
    Fine,
    /// 401 for a proof that was given out, has time left, and was never given back.
    LoginLost,
    /// No answer, or one that says that the system cannot (5xx).
    Failed,
}

/// One request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) user: usize,
    pub(crate) phase: Phase,
    pub(crate) outcome: Outcome,
    pub(crate) call: &'static str,
    /// What was wrong, for people; absent when it was fine.
    pub(crate) why: Option<String>,
    pub(crate) served_by: Option<String>,
    /// Milliseconds since the crowd began.
    pub(crate) ended_ms: u64,
}

/// An upload that was acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) user: usize,
    pub(crate) file_id: String,
    pub(crate) sha256: String,
}

/// All requests of one lane.
#[derive(Debug)]
pub(crate) struct Ledger {
    began: Instant,
    pub(crate) entries: Vec<Entry>,
    pub(crate) uploads: Vec<Acknowledged>,
    /// The replica that each user's login came from, when the fault struck.
    pub(crate) home_at_fault: Vec<Option<String>>,
    /// Milliseconds since the crowd began.
    pub(crate) fault_ms: Option<u64>,
    pub(crate) phase: Phase,
}

impl Ledger {
    pub(crate) fn new(users: usize) -> Self {
        Self {
            began: Instant::now(),
            entries: Vec::new(),
            uploads: Vec::new(),
            home_at_fault: vec![None; users],
            fault_ms: None,
            phase: Phase::Baseline,
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// From now on everything belongs to the fault.
    pub(crate) fn fault_begins(&mut self) {
        self.phase = Phase::Fault;
        self.fault_ms = Some(self.now_ms());
    }

    /// How often each user has been served in a phase, whatever came of it.
    pub(crate) fn fewest_requests(&self, phase: Phase) -> usize {
        let count = |user| {
            let of_user = |entry: &&Entry| entry.user == user && entry.phase == phase;
            self.entries.iter().filter(of_user).count()
        };
        (0..self.home_at_fault.len()).map(count).min().unwrap_or(0)
    }

    /// Whether each of the users' last `calm` requests failed for nobody.
    pub(crate) fn has_calmed_down(&self, calm: usize) -> bool {
        (0..self.home_at_fault.len()).all(|user| {
            let mut last = self.entries.iter().rev().filter(|entry| entry.user == user);
            last.by_ref().take(calm).all(|entry| entry.outcome != Outcome::Failed)
        })
    }
}

/// Milliseconds as seconds.
pub(crate) fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}
