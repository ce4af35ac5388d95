//! An acknowledged login stays valid until its logout, if the design promises that. In the other
//! designs a kill ends logins, which the course demonstrates.

use super::before;
use crate::entry::{Act, Answered, Ended, Entry, Said};
use crate::history::History;
use crate::promises::Promises;
use crate::report::{Finding, Invariant};
use std::collections::BTreeMap;

/// Checks every use of a credential that should be valid.
pub(super) fn check(history: &History, promises: &Promises) -> Finding {
    let mut finding = Finding::new(Invariant::Logins);
    if !promises.logins_survive {
        return finding;
    }
    let born: BTreeMap<&str, &Entry> = history
        .entries
        .iter()
        .filter_map(|entry| match &entry.said {
            Said::Credential { credential } => Some((credential.as_str(), entry)),
            _ => None,
        })
        .collect();
    let spent = spent(history);
    for entry in &history.entries {
        let Some(credential) = entry.act.credential() else {
            continue;
        };
        let lasts = |birth: &&&Entry| {
            before(birth, entry)
                && !promises.may_die_with_its_replica(birth, &history.faults)
        };
        let Some(birth) = born.get(credential).filter(lasts) else {
            continue;
        };
        if spent
            .get(credential)
            .is_some_and(|acts| acts.iter().any(|act| may_end(act, entry)))
        {
            continue;
        }
        finding.judged += usize::from(entry.answered == Answered::Done);
        if entry.credential_refused() && !is_of_old_age(entry) {
            let says = format!("user {} lost the login {credential}", entry.user);
            finding.broken(says, &[birth.number, entry.number]);
        }
    }
    finding
}

/// For each credential, the operations that may have ended it or used its refresh token.
fn spent(history: &History) -> BTreeMap<&str, Vec<&Entry>> {
    let mut spent: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in &history.entries {
        if let Act::End { credential } | Act::Refresh { credential } = &entry.act {
            spent.entry(credential).or_default().push(entry);
        }
    }
    spent
}

/// Whether an earlier operation may be the reason for a refused credential.
fn may_end(act: &Entry, refused: &Entry) -> bool {
    if act.number == refused.number || act.began_ms > refused.ended_ms {
        return false;
    }
    match act.act {
        Act::End { .. } => act.ended != Ended::Fail,
        // A refresh token is valid once; the access token stays valid.
        _ => matches!(refused.act, Act::Refresh { .. }),
    }
}

fn is_of_old_age(entry: &Entry) -> bool {
    entry.why.as_deref().is_some_and(|why| why.ends_with("-expired"))
}
