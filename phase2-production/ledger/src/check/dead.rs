//! I4: after a logout or revocation was acknowledged, that proof never works again, nor
//! does the refresh token that came with it (ASVS 7.4.1).

use super::before;
use crate::entry::{Act, Ended, Entry};
use crate::history::History;
use crate::promises::Promises;
use crate::report::{Finding, Invariant};
use std::collections::BTreeMap;

/// Judges every use of a proof after its end.
pub(super) fn check(history: &History, promises: &Promises) -> Finding {
    let mut finding = Finding::new(Invariant::Dead);
    if !promises.ends_hold {
        return finding;
    }
    let mut ends: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in &history.entries {
        let (Act::End { proof }, Ended::Ok) = (&entry.act, entry.ended) else {
            continue;
        };
        if !promises.may_die_with_its_replica(entry, &history.faults) {
            ends.entry(proof).or_insert(entry);
        }
    }
    for entry in &history.entries {
        // Ending again what is dead is not using it.
        let proof = entry.act.proof().filter(|_| !matches!(entry.act, Act::End { .. }));
        let Some(end) = proof.and_then(|proof| ends.get(proof)) else {
            continue;
        };
        if !before(end, entry) || entry.ended == Ended::Unknown {
            continue;
        }
        finding.judged += 1;
        if entry.ended == Ended::Ok {
            let (Some(proof), user) = (proof, entry.user) else {
                continue;
            };
            let says = format!("user {user} got in with {proof} after its end");
            finding.broken(says, &[end.number, entry.number]);
        }
    }
    finding
}
