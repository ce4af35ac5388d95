//! The checker: a history in, a report out, nothing else.
//!
//! It knows no server and no clock but the history's. *Before* means that one operation
//! had ended when the other began; operations that overlap prove nothing about each other.

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

/// Judges a run by what was promised.
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

/// Whether one operation had ended when the other began.
const fn before(one: &Entry, other: &Entry) -> bool {
    one.ended_ms < other.began_ms
}
