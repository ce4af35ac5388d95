//! I6, no orphans: bytes without a row and unfinished files are removed by the janitor. Operations
//! cannot show that, so the test counts orphans and records the numbers in the history.

use crate::history::History;
use crate::report::{Finding, Invariant};

/// Checks the recorded numbers.
pub(super) fn check(history: &History) -> Finding {
    let mut finding = Finding::new(Invariant::Cleared);
    finding.judged = history.leftovers.len();
    for leftover in &history.leftovers {
        if leftover.count > 0 {
            finding.broken(format!("orphans: {} {}", leftover.count, leftover.what), &[]);
        }
    }
    finding
}
