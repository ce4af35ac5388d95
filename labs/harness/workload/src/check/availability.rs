//! I5, availability: every request ends in time with success or a problem (RFC 9457), and all
//! users are served soon after the repair of a fault.

use crate::entry::{Entry, ReplyKind};
use crate::guarantees::Guarantees;
use crate::history::{Fault, History};
use crate::report::{Invariant, InvariantResult};

/// The components between clients and replicas: the balancer, or the proxy of a test. While one
/// is down, no reply is possible.
const ENTRY_POINTS: [&str; 2] = ["lb", "proxy"];

/// Milliseconds after the repair in which a broken connection may still show.
const BROKEN_CONNECTION_GRACE_MS: u64 = 1_000;

/// The number of successive replies after which a user counts as served.
const SUCCESSIVE_REPLIES: usize = 3;

/// Checks every request, and the time after each repair.
pub(super) fn check(history: &History, guarantees: &Guarantees) -> InvariantResult {
    let mut result = InvariantResult::new(Invariant::Availability);
    for entry in &history.entries {
        result.checked += 1;
        if let Some(message) = violation_message(entry, history, guarantees) {
            result.add_violation(message, &[entry.index]);
        }
    }
    check_recovery(history, &mut result);
    result
}

fn violation_message(
    entry: &Entry,
    history: &History,
    guarantees: &Guarantees,
) -> Option<String> {
    let took = entry.completed_ms().saturating_sub(entry.invoked_ms());
    if took > guarantees.max_request_ms {
        return Some(format!("a request took {took} ms"));
    }
    match entry.reply_kind {
        ReplyKind::Success | ReplyKind::Problem | ReplyKind::Cancelled => None,
        ReplyKind::ContractViolation => {
            let error = entry.error.as_deref().unwrap_or_default();
            Some(format!("a reply violates the contract: {error}"))
        }
        ReplyKind::Truncated if answering_replica_had_fault(entry, history) => None,
        ReplyKind::Truncated => {
            let replica = entry.served_by.as_deref().unwrap_or("a replica");
            Some(format!("{replica} truncated a reply without a fault"))
        }
        ReplyKind::NoReply if entry_point_was_down(entry, history) => None,
        ReplyKind::NoReply => {
            let error = entry.error.as_deref().unwrap_or_default();
            Some(format!("no reply, although the balancer was up: {error}"))
        }
    }
}

/// A reply that has started cannot become a problem any more. With its `Content-Length` the client
/// detects that it is truncated.
fn answering_replica_had_fault(entry: &Entry, history: &History) -> bool {
    let answering = |fault: &&Fault| {
        ENTRY_POINTS.contains(&fault.target.as_str())
            || entry.served_by.as_deref() == Some(fault.target.as_str())
    };
    history.faults.iter().filter(answering).any(|fault| {
        entry.completed_ms() >= fault.start_invoked_ms
            && fault
                .start_completed_ms
                .is_none_or(|start_completed| entry.invoked_ms() <= start_completed)
    })
}

fn entry_point_was_down(entry: &Entry, history: &History) -> bool {
    let entry_points = |fault: &&Fault| ENTRY_POINTS.contains(&fault.target.as_str());
    history.faults.iter().filter(entry_points).any(|fault| {
        let over = fault
            .stop_completed_ms
            .map(|repaired_ms| repaired_ms.saturating_add(BROKEN_CONNECTION_GRACE_MS));
        entry.completed_ms() >= fault.start_invoked_ms
            && over.is_none_or(|over| entry.invoked_ms() <= over)
    })
}

/// Checks the time from each repair to the next fault. After the last fault every user must have
/// been observed long enough.
fn check_recovery(history: &History, result: &mut InvariantResult) {
    if history.faults.iter().any(|fault| fault.stop_completed_ms.is_none()) {
        return result.add_inconclusive("a fault was never repaired");
    }
    let over = |(at, fault): (usize, &Fault)| Some((fault.stop_completed_ms?, at));
    for (at, fault) in history.faults.iter().enumerate() {
        let Some(repaired_ms) = fault.stop_completed_ms else { continue };
        let later = history
            .faults
            .iter()
            .enumerate()
            .filter(|other| over(*other) > over((at, fault)));
        let next_fault_ms = later.map(|(_, other)| other.start_invoked_ms).min();
        if next_fault_ms.is_some_and(|next_fault_ms| next_fault_ms <= repaired_ms) {
            // Another fault is still active.
            continue;
        }
        let limit_ms = Guarantees::recovery_limit_ms(&fault.target);
        let window = RecoveryWindow { repaired_ms, limit_ms, next_fault_ms };
        for user in 0..history.header.users.len() {
            window.check(history, user, result);
        }
    }
}

/// The time after a repair, in milliseconds.
struct RecoveryWindow {
    repaired_ms: u64,
    /// The longest time until all users are served again.
    limit_ms: u64,
    /// The start of the next fault.
    next_fault_ms: Option<u64>,
}

impl RecoveryWindow {
    fn check(&self, history: &History, user: usize, result: &mut InvariantResult) {
        let after: Vec<&Entry> = history
            .of_user(user)
            .filter(|entry| {
                !entry.verification_read && entry.invoked_ms() >= self.repaired_ms
            })
            .collect();
        let served = after
            .windows(SUCCESSIVE_REPLIES)
            .find(|row| row.iter().all(|one| one.was_served()));
        let limit_ms = self.repaired_ms + self.limit_ms;
        if served.is_some_and(|row| row[0].invoked_ms() <= limit_ms) {
            return;
        }
        let until_ms = self.next_fault_ms.unwrap_or(u64::MAX);
        // A user that sends nothing is no evidence: a busy machine may have delayed it.
        let unserved = after.iter().find(|entry| {
            !entry.was_served() && (limit_ms..until_ms).contains(&entry.completed_ms())
        });
        if let Some(entry) = unserved {
            let message = format!(
                "user {user} was not served {} ms after the repair",
                self.limit_ms
            );
            result.add_violation(message, &[entry.index]);
        } else if self.next_fault_ms.is_none() {
            result.add_inconclusive(format!(
                "user {user} was not observed after the repair"
            ));
        }
    }
}
