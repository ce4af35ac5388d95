//! I7: while none of the stores that know a proof answers, the answer is 503: 200 would let
//! in whom nobody checked, and 401 would log out whom nobody ended (ASVS 16.5.3).

use crate::entry::{Ended, Entry};
use crate::history::{Fault, History};
use crate::promises::Promises;
use crate::report::{Finding, Invariant};

/// Judges every request with a proof that was made entirely while nobody could know.
pub(super) fn check(history: &History, promises: &Promises) -> Finding {
    let mut finding = Finding::new(Invariant::Honest);
    if promises.known_by.is_empty() {
        return finding;
    }
    let unknowable = |entry: &&Entry| {
        let down = |store: &&str| is_down_during(store, entry, &history.faults);
        entry.act.proof().is_some() && promises.known_by.iter().all(down)
    };
    for entry in history.entries.iter().filter(unknowable) {
        finding.judged += 1;
        let said = match (entry.ended, entry.proof_refused()) {
            (Ended::Ok, _) => "yes",
            (_, true) => "no",
            _ => continue,
        };
        let says = format!("the answer was {said}, and nobody could know");
        finding.broken(says, &[entry.number]);
    }
    finding
}

/// From the moment at which the fault surely had struck, to that at which it may be over.
fn is_down_during(store: &str, entry: &Entry, faults: &[Fault]) -> bool {
    faults.iter().filter(|fault| fault.victim == store).any(|fault| {
        fault.struck_ms.is_some_and(|struck| struck < entry.began_ms)
            && fault.mending_ms.is_none_or(|mending| entry.ended_ms < mending)
    })
}
