//! All users of one lane, at once, and the ledger they write into.

use crate::demo::lane::Lane;
use crate::demo::ledger::Ledger;
use crate::demo::read_back::{Found, Reader, Uploads};
use crate::demo::shared::Shared;
use crate::demo::user::User;
use api_contract::Credentials;
use std::net::SocketAddr;
use std::sync::{Arc, MutexGuard};
use tokio::task::JoinSet;

/// Users who do what their script says until they are told to stop.
pub(crate) struct Crowd {
    shared: Arc<Shared>,
    accounts: Vec<Credentials>,
    users: JoinSet<()>,
}

impl Crowd {
    /// Lets all of them begin.
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

    /// Lets all of them finish what they are doing.
    pub(crate) async fn stop(&mut self) {
        self.shared.stop.cancel();
        while self.users.join_next().await.is_some() {}
    }

    /// Lets all of them slow down and upload nothing, or go on as before.
    pub(crate) fn rest(&self, resting: bool) {
        self.shared.rest(resting);
    }

    /// Asks one replica for everything that all of them have uploaded.
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
