//! I7: while all stores of a credential are unavailable, the reply is 503. A 200 would accept an
//! unverified credential, and a 401 would end a valid login (ASVS 16.5.3).

use crate::entry::{Entry, OperationOutcome};
use crate::guarantees::Guarantees;
use crate::history::{Fault, History};
use crate::report::{Invariant, InvariantResult};

/// Checks every request with a credential that ran entirely while all stores were unavailable.
pub(super) fn check(history: &History, guarantees: &Guarantees) -> InvariantResult {
    let mut result = InvariantResult::new(Invariant::UnverifiableIs503);
    if guarantees.credential_stores.is_empty() {
        return result;
    }
    let unverifiable = |entry: &&Entry| {
        let down = |store: &&str| is_down_during(store, entry, &history.faults);
        entry.operation.credential().is_some()
            && guarantees.credential_stores.iter().all(down)
    };
    for entry in history.entries.iter().filter(unverifiable) {
        result.checked += 1;
        let reply = match (entry.outcome, entry.credential_refused()) {
            (OperationOutcome::Ok, _) => "success",
            (_, true) => "a refusal",
            _ => continue,
        };
        let message = format!(
            "the reply was {reply}, although no store could verify the credential"
        );
        result.add_violation(message, &[entry.index]);
    }
    result
}

/// Whether a fault was certainly active during the whole operation.
fn is_down_during(store: &str, entry: &Entry, faults: &[Fault]) -> bool {
    faults.iter().filter(|fault| fault.target == store).any(|fault| {
        fault
            .start_completed_ms
            .is_some_and(|start_completed| start_completed < entry.invoked_ms())
            && fault
                .stop_invoked_ms
                .is_none_or(|stop_invoked| entry.completed_ms() < stop_invoked)
    })
}
