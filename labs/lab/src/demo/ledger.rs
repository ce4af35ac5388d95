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
    /// The replica that each user's login came from, now.
    pub(crate) homes: Vec<Option<String>>,
    /// The same, when the fault struck.
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
            homes: vec![None; users],
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
        self.home_at_fault.clone_from(&self.homes);
    }

    /// How many requests the least busy user has ended since a moment.
    pub(crate) fn fewest_requests_since(&self, moment_ms: u64) -> usize {
        let mut counts = vec![0; self.homes.len()];
        for entry in self.entries.iter().rev() {
            if entry.ended_ms < moment_ms {
                break;
            }
            counts[entry.user] += 1;
        }
        counts.into_iter().min().unwrap_or(0)
    }

    /// Whether, for every user, the last requests were all of one kind.
    pub(crate) fn each_ends_with(
        &self,
        requests: usize,
        kind: impl Fn(Outcome) -> bool,
    ) -> bool {
        (0..self.homes.len()).all(|user| {
            let last = self.entries.iter().rev().filter(|entry| entry.user == user);
            let mut outcomes = last.take(requests).map(|entry| entry.outcome);
            outcomes.all(&kind)
        })
    }
}

/// Milliseconds as seconds.
pub(crate) fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}
