//! The checker: it reads a history and returns a report.
//!
//! Its only clock is that of the history. An operation is *before* another one if it was completed
//! before the other one was invoked. The order of concurrent operations is undefined.

mod answered;
mod cleared;
mod dead;
mod honest;
mod kept;
mod logins;
mod once;
mod owners;

use crate::entry::Entry;
use crate::history::History;
use crate::promises::Promises;
use crate::report::Report;

/// Checks a history against the promises of a design.
#[must_use]
pub fn check(history: &History, promises: &Promises) -> Report {
    Report {
        findings: vec![
            kept::check(history),
            once::check(history),
            owners::check(history),
            dead::check(history, promises),
            answered::check(history, promises),
            cleared::check(history),
            honest::check(history, promises),
            logins::check(history, promises),
        ],
    }
}

/// Whether one operation was completed before the other one was invoked.
const fn before(one: &Entry, other: &Entry) -> bool {
    one.ended_ms < other.began_ms
}
