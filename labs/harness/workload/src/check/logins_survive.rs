//! An acknowledged login stays valid until its logout, if the design promises that. In the other
//! designs a kill ends logins, which the course demonstrates.

use super::before;
use crate::entry::{Entry, Operation, OperationOutcome, ReplyKind, ReplyValue};
use crate::guarantees::Guarantees;
use crate::history::History;
use crate::report::{Invariant, InvariantResult};
use std::collections::BTreeMap;

/// Checks every use of a credential that should be valid.
pub(super) fn check(history: &History, guarantees: &Guarantees) -> InvariantResult {
    let mut result = InvariantResult::new(Invariant::LoginsSurvive);
    if !guarantees.logins_survive {
        return result;
    }
    let issued: BTreeMap<&str, &Entry> = history
        .entries
        .iter()
        .filter_map(|entry| match &entry.value {
            ReplyValue::Credential { credential } => Some((credential.as_str(), entry)),
            _ => None,
        })
        .collect();
    let ended_or_refreshed = ended_or_refreshed(history);
    for entry in &history.entries {
        let Some(credential) = entry.operation.credential() else {
            continue;
        };
        let should_be_valid = |login: &&&Entry| {
            before(login, entry)
                && !guarantees.may_be_lost_with_replica(login, &history.faults)
        };
        let Some(login) = issued.get(credential).filter(should_be_valid) else {
            continue;
        };
        if ended_or_refreshed.get(credential).is_some_and(|operations| {
            operations.iter().any(|earlier| may_explain_refusal(earlier, entry))
        }) {
            continue;
        }
        result.checked += usize::from(entry.reply_kind == ReplyKind::Success);
        if entry.credential_refused() && !is_expired(entry) {
            let message = format!("user {} lost the login {credential}", entry.user);
            result.add_violation(message, &[login.index, entry.index]);
        }
    }
    result
}

/// For each credential, the operations that may have ended it or used its refresh token.
fn ended_or_refreshed(history: &History) -> BTreeMap<&str, Vec<&Entry>> {
    let mut ended_or_refreshed: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in &history.entries {
        if let Operation::LogOut { credential } | Operation::Refresh { credential } =
            &entry.operation
        {
            ended_or_refreshed.entry(credential).or_default().push(entry);
        }
    }
    ended_or_refreshed
}

/// Whether an earlier operation may be the reason for a refused credential.
fn may_explain_refusal(earlier: &Entry, refused: &Entry) -> bool {
    if earlier.index == refused.index || earlier.invoked_ms() > refused.completed_ms() {
        return false;
    }
    match earlier.operation {
        Operation::LogOut { .. } => earlier.outcome != OperationOutcome::Fail,
        // A refresh token is valid once; the access token stays valid.
        _ => matches!(refused.operation, Operation::Refresh { .. }),
    }
}

fn is_expired(entry: &Entry) -> bool {
    entry.error.as_deref().is_some_and(|error| error.ends_with("-expired"))
}
