//! The generator: concurrent virtual users, whose operations come from a seed.
//!
//! The same seed gives the same files, keys and choices. The order of the replies depends on the
//! machine, so two runs are similar but not equal.

mod habit;

use crate::person::{Held, Person};
use crate::recorder::Recorder;
use api_conformance::target::AuthScheme;
use api_contract::LoginRequest;
use habit::Habit;
pub use habit::Left;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Virtual users that execute operations until they are stopped.
#[derive(Debug)]
pub struct Workload {
    stop: CancellationToken,
    people: JoinSet<Left>,
}

impl Workload {
    /// Starts one virtual user for each account, with `url` as the target.
    #[must_use]
    pub fn start(
        accounts: &[LoginRequest],
        auth_scheme: AuthScheme,
        url: &str,
        seed: u64,
        recorder: &Recorder,
    ) -> Self {
        let stop = CancellationToken::new();
        let mut people = JoinSet::new();
        for (user, account) in accounts.iter().enumerate() {
            let virtual_user =
                Person::new(user, account.clone(), auth_scheme, url, recorder.clone());
            people.spawn(Habit::new(virtual_user, auth_scheme, seed).live(stop.clone()));
        }
        Self { stop, people }
    }

    /// Stops all virtual users after their current operations, and returns their final states in
    /// the order of the user numbers.
    pub async fn stop(mut self) -> Vec<Left> {
        self.stop.cancel();
        let mut left = Vec::new();
        while let Some(one) = self.people.join_next().await {
            left.extend(one);
        }
        left.sort_by_key(|one| one.virtual_user.user);
        left
    }
}

/// The credentials of a user.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The current credential.
    pub current: Option<Held>,
    /// The credentials with an acknowledged end.
    pub ended: Vec<Held>,
}
