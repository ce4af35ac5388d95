//! I3: no answer, at any time, holds another user's bytes, names or name (ASVS 8.2.2).

use crate::content::prefix;
use crate::entry::{Entry, Said};
use crate::history::History;
use crate::report::{Finding, Invariant};

/// Judges every answer that shows something of somebody.
pub(super) fn check(history: &History) -> Finding {
    let mut finding = Finding::new(Invariant::Owners);
    for entry in &history.entries {
        let Some(shown) = shown(entry, history) else {
            continue;
        };
        finding.judged += 1;
        if let Err(whose) = shown {
            let says = format!("user {} was shown {whose}", entry.user);
            finding.broken(says, &[entry.number]);
        }
    }
    finding
}

/// What an answer shows: the caller's own, or whose else; [`None`] when it shows nothing.
fn shown(entry: &Entry, history: &History) -> Option<Result<(), String>> {
    let own = history.header.users.get(entry.user);
    match &entry.said {
        Said::Bytes { owner, .. } => Some(match owner {
            Some(owner) if Some(owner) == own => Ok(()),
            Some(owner) => Err(format!("bytes of {owner}")),
            None => Err("bytes that nobody sent".to_owned()),
        }),
        Said::Files { files } => {
            let prefix = prefix(entry.user);
            let foreign = files.iter().find(|listed| !listed.name.starts_with(&prefix));
            Some(match foreign {
                Some(listed) => Err(format!("the name {}", listed.name)),
                None => Ok(()),
            })
        }
        Said::Caller { username } => Some(match Some(username) == own {
            true => Ok(()),
            false => Err(format!("the session of {username}")),
        }),
        Said::Nothing
        | Said::Proof { .. }
        | Said::Stored { .. }
        | Said::Offset { .. } => None,
    }
}
