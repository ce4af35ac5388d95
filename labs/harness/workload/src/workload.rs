//! The generator: concurrent virtual users, whose operations come from a seed.
//!
//! The same seed gives the same files, keys and choices. The order of the replies depends on the
//! machine, so two runs are similar but not equal.

mod credentials;
mod generator;

use crate::recorder::HistoryRecorder;
use crate::virtual_user::VirtualUser;
use api_contract::LoginRequest;
use client::AuthScheme;
pub use credentials::Credentials;
use generator::OperationGenerator;
pub use generator::UserFinalState;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Virtual users that execute operations until they are stopped.
#[derive(Debug)]
pub struct Workload {
    stop: CancellationToken,
    virtual_users: JoinSet<UserFinalState>,
}

impl Workload {
    /// Starts one virtual user for each account, with `url` as the target.
    #[must_use]
    pub fn start(
        accounts: &[LoginRequest],
        auth_scheme: AuthScheme,
        url: &str,
        seed: u64,
        recorder: &HistoryRecorder,
    ) -> Self {
        let stop = CancellationToken::new();
        let mut virtual_users = JoinSet::new();
        for (user, account) in accounts.iter().enumerate() {
            let virtual_user = VirtualUser::new(
                user,
                account.clone(),
                auth_scheme,
                url,
                recorder.clone(),
            );
            virtual_users.spawn(
                OperationGenerator::new(virtual_user, auth_scheme, seed)
                    .run(stop.clone()),
            );
        }
        Self { stop, virtual_users }
    }

    /// Stops all virtual users after their current operations, and returns their final states in
    /// the order of the user numbers.
    pub async fn stop(mut self) -> Vec<UserFinalState> {
        self.stop.cancel();
        let mut final_states = Vec::new();
        while let Some(one) = self.virtual_users.join_next().await {
            final_states.extend(one);
        }
        final_states.sort_by_key(|one| one.virtual_user.user);
        final_states
    }
}
