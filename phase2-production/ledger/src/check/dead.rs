//! I4, revocation: after an acknowledged logout or revocation, the credential and its refresh
//! token never work again (ASVS 7.4.1).

use super::before;
use crate::entry::{Act, Ended, Entry};
use crate::history::History;
use crate::promises::Promises;
use crate::report::{Finding, Invariant};
use std::collections::BTreeMap;

/// Checks every use of a credential after its revocation.
pub(super) fn check(history: &History, promises: &Promises) -> Finding {
    let mut finding = Finding::new(Invariant::Dead);
    if !promises.ends_hold {
        return finding;
    }
    let mut ends: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in &history.entries {
        let (Act::End { credential }, Ended::Ok) = (&entry.act, entry.ended) else {
            continue;
        };
        if !promises.may_die_with_its_replica(entry, &history.faults) {
            ends.entry(credential).or_insert(entry);
        }
    }
    for entry in &history.entries {
        // A second logout is not a use.
        let credential =
            entry.act.credential().filter(|_| !matches!(entry.act, Act::End { .. }));
        let Some(end) = credential.and_then(|credential| ends.get(credential)) else {
            continue;
        };
        if !before(end, entry) || entry.ended == Ended::Unknown {
            continue;
        }
        finding.judged += 1;
        if entry.ended == Ended::Ok {
            let (Some(credential), user) = (credential, entry.user) else {
                continue;
            };
            let says = format!(
                "user {user} was accepted with {credential} after its revocation"
            );
            finding.broken(says, &[end.number, entry.number]);
        }
    }
    finding
}
