//! All users of one configuration, and the ledger of their requests.

use crate::demo::configuration::Configuration;
use crate::demo::ledger::Ledger;
use crate::demo::shared::SharedState;
use crate::demo::verification::{Reader, RecordedUploads, VerificationReads};
use crate::demo::virtual_user::VirtualUser;
use api_contract::LoginRequest;
use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard};
use tokio::task::JoinSet;

/// Users that follow their script until they are stopped.
pub(crate) struct VirtualUsers {
    shared: Arc<SharedState>,
    accounts: Vec<LoginRequest>,
    users: JoinSet<()>,
}

impl VirtualUsers {
    /// Starts all users.
    pub(crate) fn start(
        configuration: Configuration,
        url: String,
        accounts: Vec<LoginRequest>,
        seed: u64,
    ) -> Self {
        let shared = Arc::new(SharedState::new(configuration, url, accounts.len()));
        let mut users = JoinSet::new();
        for (number, account) in accounts.iter().enumerate() {
            let user =
                VirtualUser::new(number, account.clone(), seed, Arc::clone(&shared));
            users.spawn(user.run());
        }
        Self { shared, accounts, users }
    }

    pub(crate) fn configuration(&self) -> Configuration {
        self.shared.configuration
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger()
    }

    /// Lets each user finish its request, then stops it.
    pub(crate) async fn stop(&mut self) {
        self.shared.stop.cancel();
        while self.users.join_next().await.is_some() {}
    }

    /// Slows all users down and stops their uploads, or brings them back to full speed.
    pub(crate) fn slow_down(&self, slowed_down: bool) {
        self.shared.slow_down(slowed_down);
    }

    /// Reads every uploaded file of all users from one replica.
    pub(crate) async fn read_uploads(&self, replica: SocketAddr) -> VerificationReads {
        let reader =
            Reader::new(&format!("http://{replica}"), self.shared.configuration.design());
        let mut found = VerificationReads::default();
        for (number, account) in self.accounts.iter().enumerate() {
            let own = RecordedUploads::of(number, account, &self.ledger());
            reader.read_user(&own, &mut found).await;
        }
        found
    }
}
