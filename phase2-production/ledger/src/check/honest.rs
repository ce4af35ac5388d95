//! I7: while all stores of a credential are unavailable, the reply is 503. A 200 would accept an
//! unverified credential, and a 401 would end a valid login (ASVS 16.5.3).

use crate::entry::{Ended, Entry};
use crate::history::{Fault, History};
use crate::promises::Promises;
use crate::report::{Finding, Invariant};

/// Checks every request with a credential that ran entirely while all stores were unavailable.
pub(super) fn check(history: &History, promises: &Promises) -> Finding {
    let mut finding = Finding::new(Invariant::Honest);
    if promises.known_by.is_empty() {
        return finding;
    }
    let unknowable = |entry: &&Entry| {
        let down = |store: &&str| is_down_during(store, entry, &history.faults);
        entry.act.credential().is_some() && promises.known_by.iter().all(down)
    };
    for entry in history.entries.iter().filter(unknowable) {
        finding.judged += 1;
        let reply = match (entry.ended, entry.credential_refused()) {
            (Ended::Ok, _) => "success",
            (_, true) => "a refusal",
            _ => continue,
        };
        let says = format!(
            "the reply was {reply}, although no store could verify the credential"
        );
        finding.broken(says, &[entry.number]);
    }
    finding
}

/// Whether a fault was certainly active during the whole operation.
fn is_down_during(store: &str, entry: &Entry, faults: &[Fault]) -> bool {
    faults.iter().filter(|fault| fault.target == store).any(|fault| {
        fault.struck_ms.is_some_and(|struck| struck < entry.began_ms)
            && fault.mending_ms.is_none_or(|mending| entry.ended_ms < mending)
    })
}
