//! I6, no orphans: bytes without a row and unfinished files are removed by the janitor. Operations
//! cannot show that, so the test counts orphans and records the numbers in the history.

use crate::history::History;
use crate::report::{Invariant, InvariantResult};

/// Checks the recorded numbers.
pub(super) fn check(history: &History) -> InvariantResult {
    let mut result = InvariantResult::new(Invariant::NoOrphans);
    result.checked = history.orphans.len();
    for orphans in &history.orphans {
        if orphans.count > 0 {
            result.add_violation(
                format!("orphans: {} {}", orphans.count, orphans.kind),
                &[],
            );
        }
    }
    result
}
