//! I4, revocation: after an acknowledged logout or revocation, the credential and its refresh
//! token never work again (ASVS 7.4.1).

use super::before;
use crate::entry::{Entry, Operation, OperationOutcome};
use crate::guarantees::Guarantees;
use crate::history::History;
use crate::report::{Invariant, InvariantResult};
use std::collections::BTreeMap;

/// Checks every use of a credential after its revocation.
pub(super) fn check(history: &History, guarantees: &Guarantees) -> InvariantResult {
    let mut result = InvariantResult::new(Invariant::Revocation);
    if !guarantees.revocations_hold {
        return result;
    }
    let mut revocations: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in &history.entries {
        let (Operation::LogOut { credential }, OperationOutcome::Ok) =
            (&entry.operation, entry.outcome)
        else {
            continue;
        };
        if !guarantees.may_be_lost_with_replica(entry, &history.faults) {
            revocations.entry(credential).or_insert(entry);
        }
    }
    for entry in &history.entries {
        // A second logout is not a use.
        let credential = entry
            .operation
            .credential()
            .filter(|_| !matches!(entry.operation, Operation::LogOut { .. }));
        let Some(revocation) =
            credential.and_then(|credential| revocations.get(credential))
        else {
            continue;
        };
        if !before(revocation, entry) || entry.outcome == OperationOutcome::Info {
            continue;
        }
        result.checked += 1;
        if entry.outcome == OperationOutcome::Ok {
            let (Some(credential), user) = (credential, entry.user) else {
                continue;
            };
            let message = format!(
                "user {user} was accepted with {credential} after its revocation"
            );
            result.add_violation(message, &[revocation.index, entry.index]);
        }
    }
    result
}
