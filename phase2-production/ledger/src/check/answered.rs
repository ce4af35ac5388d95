//! I5, availability: every request ends in time with success or a problem (RFC 9457), and all
//! users are served soon after the repair of a fault.

use crate::entry::{Answered, Entry};
use crate::history::{Fault, History};
use crate::promises::Promises;
use crate::report::{Finding, Invariant};

/// The components between clients and replicas: the balancer, or the proxy of a test. While one
/// is down, no reply is possible.
const DOORS: [&str; 2] = ["lb", "proxy"];

/// Milliseconds after the repair in which a broken connection may still show.
const AFTERWARDS_MS: u64 = 1_000;

/// The number of successive replies after which a user counts as served.
const IN_A_ROW: usize = 3;

/// Checks every request, and the time after each repair.
pub(super) fn check(history: &History, promises: &Promises) -> Finding {
    let mut finding = Finding::new(Invariant::Answered);
    for entry in &history.entries {
        finding.judged += 1;
        if let Some(says) = misbehaved(entry, history, promises) {
            finding.broken(says, &[entry.number]);
        }
    }
    healthy_again(history, &mut finding);
    finding
}

fn misbehaved(entry: &Entry, history: &History, promises: &Promises) -> Option<String> {
    let took = entry.ended_ms.saturating_sub(entry.began_ms);
    if took > promises.answer_within_ms {
        return Some(format!("a request took {took} ms"));
    }
    match entry.answered {
        Answered::Done | Answered::Problem | Answered::GaveUp => None,
        Answered::Foreign => {
            let why = entry.why.as_deref().unwrap_or_default();
            Some(format!("a reply violates the contract: {why}"))
        }
        Answered::CutShort if answering_replica_had_a_fault(entry, history) => None,
        Answered::CutShort => {
            let replica = entry.served_by.as_deref().unwrap_or("a replica");
            Some(format!("{replica} truncated a reply without a fault"))
        }
        Answered::NotAtAll if the_door_was_down(entry, history) => None,
        Answered::NotAtAll => {
            let why = entry.why.as_deref().unwrap_or_default();
            Some(format!("no reply, although the balancer was up: {why}"))
        }
    }
}

/// A reply that has started cannot become a problem any more. With its `Content-Length` the client
/// detects that it is truncated.
fn answering_replica_had_a_fault(entry: &Entry, history: &History) -> bool {
    let answering = |fault: &&Fault| {
        DOORS.contains(&fault.target.as_str())
            || entry.served_by.as_deref() == Some(fault.target.as_str())
    };
    history.faults.iter().filter(answering).any(|fault| {
        entry.ended_ms >= fault.ordered_ms
            && fault.struck_ms.is_none_or(|struck| entry.began_ms <= struck)
    })
}

fn the_door_was_down(entry: &Entry, history: &History) -> bool {
    let doors = |fault: &&Fault| DOORS.contains(&fault.target.as_str());
    history.faults.iter().filter(doors).any(|fault| {
        let over = fault.mended_ms.map(|mended| mended.saturating_add(AFTERWARDS_MS));
        entry.ended_ms >= fault.ordered_ms
            && over.is_none_or(|over| entry.began_ms <= over)
    })
}

/// Checks the time from each repair to the next fault. After the last fault every user must have
/// been observed long enough.
fn healthy_again(history: &History, finding: &mut Finding) {
    if history.faults.iter().any(|fault| fault.mended_ms.is_none()) {
        return finding.doubt("a fault was never repaired");
    }
    let over = |(at, fault): (usize, &Fault)| Some((fault.mended_ms?, at));
    for (at, fault) in history.faults.iter().enumerate() {
        let Some(mended) = fault.mended_ms else { continue };
        let later = history
            .faults
            .iter()
            .enumerate()
            .filter(|other| over(*other) > over((at, fault)));
        let until = later.map(|(_, other)| other.ordered_ms).min();
        if until.is_some_and(|until| until <= mended) {
            // Another fault is still active.
            continue;
        }
        let within = Promises::healthy_within_ms(&fault.target);
        let calm = Calm { from: mended, within, until };
        for user in 0..history.header.users.len() {
            calm.check(history, user, finding);
        }
    }
}

/// The time after a repair, in milliseconds.
struct Calm {
    from: u64,
    /// The longest time until all users are served again.
    within: u64,
    /// The start of the next fault.
    until: Option<u64>,
}

impl Calm {
    fn check(&self, history: &History, user: usize, finding: &mut Finding) {
        let after: Vec<&Entry> = history
            .of_user(user)
            .filter(|entry| !entry.read_back && entry.began_ms >= self.from)
            .collect();
        let served =
            after.windows(IN_A_ROW).find(|row| row.iter().all(|one| one.served()));
        let last_ms = |last: &Entry| self.until.unwrap_or(u64::MAX).min(last.ended_ms);
        match (served, after.last()) {
            (Some(row), _) if row[0].began_ms - self.from <= self.within => {}
            (_, Some(last)) if last_ms(last) > self.from + self.within => {
                let says = format!(
                    "user {user} was not served {} ms after the repair",
                    self.within
                );
                finding.broken(says, &[last.number]);
            }
            _ if self.until.is_some() => {}
            _ => finding.doubt(format!("user {user} was not observed after the repair")),
        }
    }
}
