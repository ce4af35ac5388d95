//! The same checks as values, for whoever has one target and wants to hold it to all of
//! them. As tests, each starts a server of its own; a whole cluster is too much for that.

use crate::target::{Target, Way};
use futures_util::future::LocalBoxFuture;

/// One behaviour that a server promises.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The sentence, after the file that it stands in, as in `logins::a_proof_is_never_cached`.
    pub name: &'static str,
    /// Holds a target to it. The error says what was expected and what came.
    pub run: fn(&Target) -> LocalBoxFuture<'_, anyhow::Result<()>>,
}

/// Everything that a server promises which knows its callers in this way.
#[must_use]
pub fn every_check(way: Way) -> Vec<Check> {
    let mut checks = Vec::new();
    crate::conformance_suite! { listed_checks checks }
    match way {
        Way::Session => {
            crate::session_suite! { listed_checks checks }
        }
        Way::Token => {
            crate::token_suite! { listed_checks checks }
        }
        Way::Basic => {}
    }
    checks
}
