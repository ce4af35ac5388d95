//! I5: every request ends in time, in what was asked for or in a problem (RFC 9457), and
//! soon after a fault is mended everybody is served.

use crate::entry::{Answered, Entry};
use crate::history::{Fault, History};
use crate::promises::Promises;
use crate::report::{Finding, Invariant};

/// Who may stand between clients and replicas, a balancer or a test's own proxy: while it
/// is down, nobody can answer.
const DOORS: [&str; 2] = ["lb", "proxy"];

/// How long a connection that broke with the door may be the last to notice.
const AFTERWARDS_MS: u64 = 1_000;

/// Answers in a row after which somebody counts as served.
const IN_A_ROW: usize = 3;

/// Judges every request, and the time after healing.
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
            Some(format!("an answer that the contract does not know: {why}"))
        }
        Answered::CutShort if whoever_answered_was_struck(entry, history) => None,
        Answered::CutShort => {
            let who = entry.served_by.as_deref().unwrap_or("somebody");
            Some(format!("{who} broke off an answer, although nothing had struck it"))
        }
        Answered::NotAtAll if the_door_was_down(entry, history) => None,
        Answered::NotAtAll => {
            let why = entry.why.as_deref().unwrap_or_default();
            Some(format!("no answer, although the balancer was up: {why}"))
        }
    }
}

/// An answer that has begun cannot become a problem any more. Its length, which went ahead,
/// tells the client that it is not whole.
fn whoever_answered_was_struck(entry: &Entry, history: &History) -> bool {
    let answering = |fault: &&Fault| {
        DOORS.contains(&fault.victim.as_str())
            || entry.served_by.as_deref() == Some(fault.victim.as_str())
    };
    history.faults.iter().filter(answering).any(|fault| {
        entry.ended_ms >= fault.ordered_ms
            && fault.struck_ms.is_none_or(|struck| entry.began_ms <= struck)
    })
}

fn the_door_was_down(entry: &Entry, history: &History) -> bool {
    let doors = |fault: &&Fault| DOORS.contains(&fault.victim.as_str());
    history.faults.iter().filter(doors).any(|fault| {
        let over = fault.mended_ms.map(|mended| mended.saturating_add(AFTERWARDS_MS));
        entry.ended_ms >= fault.ordered_ms
            && over.is_none_or(|over| entry.began_ms <= over)
    })
}

/// After each fault, until the next one: the last must have been watched to the end.
fn healthy_again(history: &History, finding: &mut Finding) {
    if history.faults.iter().any(|fault| fault.mended_ms.is_none()) {
        return finding.doubt("a fault was never mended");
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
            // It is not over while another goes on.
            continue;
        }
        let within = Promises::healthy_within_ms(&fault.victim);
        let calm = Calm { from: mended, within, until };
        for user in 0..history.header.users.len() {
            calm.check(history, user, finding);
        }
    }
}

/// The time after a fault, in milliseconds.
struct Calm {
    from: u64,
    /// In which everybody has to be served again.
    within: u64,
    /// The next fault.
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
                    "user {user} was not served {} ms after healing",
                    self.within
                );
                finding.broken(says, &[last.number]);
            }
            _ if self.until.is_some() => {}
            _ => finding.doubt(format!("user {user} was not watched after healing")),
        }
    }
}
