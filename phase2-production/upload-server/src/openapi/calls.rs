//! Every call of this server, in the order of the API reference.

mod files;
mod people;
mod proofs;
mod service;
mod uploads;

use super::call::Call;

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Call> {
    let groups =
        [proofs::CALLS, people::CALLS, files::CALLS, uploads::CALLS, service::CALLS];
    groups.into_iter().flatten()
}
