//! All users of one configuration, and the ledger of their requests.

use crate::demo::lane::Lane;
use crate::demo::ledger::Ledger;
use crate::demo::read_back::{Found, Reader, Uploads};
use crate::demo::shared::Shared;
use crate::demo::user::User;
use api_contract::Credentials;
use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard};
use tokio::task::JoinSet;

/// Users that follow their script until they are stopped.
pub(crate) struct Crowd {
    shared: Arc<Shared>,
    accounts: Vec<Credentials>,
    users: JoinSet<()>,
}

impl Crowd {
    /// Starts all users.
    pub(crate) fn start(
        lane: Lane,
        url: String,
        accounts: Vec<Credentials>,
        seed: u64,
    ) -> Self {
        let shared = Arc::new(Shared::new(lane, url, accounts.len()));
        let mut users = JoinSet::new();
        for (number, account) in accounts.iter().enumerate() {
            let user = User::new(number, account.clone(), seed, Arc::clone(&shared));
            users.spawn(user.live());
        }
        Self { shared, accounts, users }
    }

    pub(crate) fn lane(&self) -> Lane {
        self.shared.lane
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
    pub(crate) fn rest(&self, resting: bool) {
        self.shared.rest(resting);
    }

    /// Reads every uploaded file of all users from one replica.
    pub(crate) async fn read_back(&self, replica: SocketAddr) -> Found {
        let reader = Reader::new(&format!("http://{replica}"), self.shared.lane.design());
        let mut found = Found::default();
        for (number, account) in self.accounts.iter().enumerate() {
            let theirs = Uploads::of(number, account, &self.ledger());
            reader.read_user(&theirs, &mut found).await;
        }
        found
    }
}
