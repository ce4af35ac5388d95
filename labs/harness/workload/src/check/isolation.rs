//! I3, isolation: no reply contains bytes, file names or the account name of another user
//! (ASVS 8.2.2).

use crate::content::file_name_prefix;
use crate::entry::{Entry, ReplyValue};
use crate::history::History;
use crate::report::{Invariant, InvariantResult};

/// Checks every reply with data of a user.
pub(super) fn check(history: &History) -> InvariantResult {
    let mut result = InvariantResult::new(Invariant::Isolation);
    for entry in &history.entries {
        let Some(data) = check_owner(entry, history) else {
            continue;
        };
        result.checked += 1;
        if let Err(foreign) = data {
            let message = format!("user {} got {foreign}", entry.user);
            result.add_violation(message, &[entry.index]);
        }
    }
    result
}

/// Whether a reply has own data (`Ok`) or foreign data (`Err`); [`None`] without data.
fn check_owner(entry: &Entry, history: &History) -> Option<Result<(), String>> {
    let own = history.header.users.get(entry.user);
    match &entry.value {
        ReplyValue::Bytes { owner, .. } => Some(match owner {
            Some(owner) if Some(owner) == own => Ok(()),
            Some(owner) => Err(format!("bytes of {owner}")),
            None => Err("bytes without an owner".to_owned()),
        }),
        ReplyValue::Files { files } => {
            let prefix = file_name_prefix(entry.user);
            let foreign = files.iter().find(|listed| !listed.name.starts_with(&prefix));
            Some(match foreign {
                Some(listed) => Err(format!("the name {}", listed.name)),
                None => Ok(()),
            })
        }
        ReplyValue::Caller { username } => Some(match Some(username) == own {
            true => Ok(()),
            false => Err(format!("the session of {username}")),
        }),
        ReplyValue::Nothing
        | ReplyValue::Credential { .. }
        | ReplyValue::Stored { .. }
        | ReplyValue::Offset { .. } => None,
    }
}
