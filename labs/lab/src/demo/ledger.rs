//! The ledger: every request with its result. All figures of the demo are counted from it.

use http::StatusCode;
use std::time::Duration;
use workload::RequestResult;
use workload::entry::{Entry, Operation, ReplyKind};
use workload::request_result::each_ends_with;

/// When a request was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Before the fault.
    Baseline,
    /// Since the fault.
    Fault,
}

/// All requests of one configuration.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) users: usize,
    pub(crate) entries: Vec<Entry>,
    /// The replica of each user's last login before the fault.
    pub(crate) login_replicas: Vec<Option<String>>,
    /// Microseconds since the users started.
    pub(crate) fault_us: Option<u64>,
}

impl Ledger {
    pub(crate) fn phase_of(&self, entry: &Entry) -> Phase {
        match self.fault_us {
            Some(fault_us) if entry.completed_us >= fault_us => Phase::Fault,
            _ => Phase::Baseline,
        }
    }

    /// The requests of a phase.
    pub(crate) fn of_phase(&self, phase: Phase) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| self.phase_of(entry) == phase)
    }

    /// Whether every user has made this many requests since the fault, and the last ones
    /// are all of one kind.
    pub(crate) fn each_ends_with(
        &self,
        requests: usize,
        kind: impl Fn(RequestResult) -> bool,
    ) -> bool {
        let fault_us = self.fault_us.unwrap_or(u64::MAX);
        each_ends_with(&self.entries, self.users, fault_us, requests, kind)
    }
}

/// The call and the reason of a failure.
pub(crate) fn failure_text(entry: &Entry) -> String {
    let call = match entry.operation {
        Operation::LogIn => "log in",
        Operation::Download { .. } => "read",
        Operation::Upload { .. } => "upload",
        _ => "list",
    };
    let error = entry.error.as_deref().unwrap_or_default();
    let status = entry.status.unwrap_or_default();
    let why = match entry.reply_kind {
        ReplyKind::Problem => format!("{status} {error}"),
        ReplyKind::Truncated => {
            let status = StatusCode::from_u16(status).unwrap_or_default();
            format!("status {status}, and a truncated reply")
        }
        ReplyKind::ContractViolation => error.to_owned(),
        ReplyKind::Success | ReplyKind::NoReply | ReplyKind::Cancelled => {
            "no reply".to_owned()
        }
    };
    format!("{call}: {why}")
}

/// Milliseconds as seconds.
pub(crate) fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}
