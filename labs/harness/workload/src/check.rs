//! The checker: it reads a history and returns a report.
//!
//! Its only clock is that of the history. An operation is *before* another one if it was completed
//! before the other one was invoked. The order of concurrent operations is undefined.

mod atomic_uploads;
mod availability;
mod durable_uploads;
mod isolation;
mod logins_survive;
mod no_orphans;
mod revocation;
mod unverifiable_is_503;

use crate::entry::Entry;
use crate::guarantees::Guarantees;
use crate::history::History;
use crate::report::Report;
pub(crate) use atomic_uploads::final_listing;

/// Checks a history against the promises of a design.
#[must_use]
pub fn check(history: &History, guarantees: &Guarantees) -> Report {
    Report {
        results: vec![
            durable_uploads::check(history),
            atomic_uploads::check(history),
            isolation::check(history),
            revocation::check(history, guarantees),
            availability::check(history, guarantees),
            no_orphans::check(history),
            unverifiable_is_503::check(history, guarantees),
            logins_survive::check(history, guarantees),
        ],
    }
}

/// Whether one operation was completed before the other one was invoked.
const fn before(one: &Entry, other: &Entry) -> bool {
    one.completed_ms() < other.invoked_ms()
}
