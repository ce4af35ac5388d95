//! I6: bytes without a row, half-written files and their like are gone after the janitor's
//! time. A history cannot show that; somebody has to look, and writes down what they found.

use crate::history::History;
use crate::report::{Finding, Invariant};

/// Judges what was found.
pub(super) fn check(history: &History) -> Finding {
    let mut finding = Finding::new(Invariant::Cleared);
    finding.judged = history.leftovers.len();
    for leftover in &history.leftovers {
        if leftover.count > 0 {
            finding.broken(format!("left: {} {}", leftover.count, leftover.what), &[]);
        }
    }
    finding
}
