//! I3, isolation: no reply contains bytes, file names or the account name of another user
//! (ASVS 8.2.2).

use crate::content::prefix;
use crate::entry::{Entry, Said};
use crate::history::History;
use crate::report::{Finding, Invariant};

/// Checks every reply with data of a user.
pub(super) fn check(history: &History) -> Finding {
    let mut finding = Finding::new(Invariant::Owners);
    for entry in &history.entries {
        let Some(shown) = shown(entry, history) else {
            continue;
        };
        finding.judged += 1;
        if let Err(foreign) = shown {
            let says = format!("user {} got {foreign}", entry.user);
            finding.broken(says, &[entry.number]);
        }
    }
    finding
}

/// Whether a reply has own data (`Ok`) or foreign data (`Err`); [`None`] without data.
fn shown(entry: &Entry, history: &History) -> Option<Result<(), String>> {
    let own = history.header.users.get(entry.user);
    match &entry.said {
        Said::Bytes { owner, .. } => Some(match owner {
            Some(owner) if Some(owner) == own => Ok(()),
            Some(owner) => Err(format!("bytes of {owner}")),
            None => Err("bytes without an owner".to_owned()),
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
        | Said::Credential { .. }
        | Said::Stored { .. }
        | Said::Offset { .. } => None,
    }
}
