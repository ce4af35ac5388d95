//! All checks as a list, to run them against one target. As tests, each check starts its own
//! server, which is too slow for a whole cluster.

use crate::target::Target;
use client::AuthScheme;
use futures_util::future::LocalBoxFuture;

/// One check of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Module and function, as in `logins::login_reply_is_not_cacheable`.
    pub name: &'static str,
    /// Runs the check. The error shows the expected and the actual result.
    pub run: fn(&Target) -> LocalBoxFuture<'_, anyhow::Result<()>>,
}

/// All checks for a server with this way of authentication.
#[must_use]
pub fn every_check(auth_scheme: AuthScheme) -> Vec<Check> {
    let mut checks = Vec::new();
    crate::conformance_suite! { listed_checks checks }
    match auth_scheme {
        AuthScheme::Session => {
            crate::session_suite! { listed_checks checks }
        }
        AuthScheme::Token => {
            crate::token_suite! { listed_checks checks }
        }
        AuthScheme::Basic => {}
    }
    checks
}
