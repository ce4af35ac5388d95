//! Every call of this server, in the order of the API reference.

mod accounts;
mod files;
mod login;
mod service;
mod uploads;

use super::call::Call;

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Call> {
    let groups =
        [login::CALLS, accounts::CALLS, files::CALLS, uploads::CALLS, service::CALLS];
    groups.into_iter().flatten()
}
