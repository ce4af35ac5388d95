//! All users of one lane, at once, and the ledger they write into.

use crate::demo::lane::Lane;
use crate::demo::ledger::Ledger;
use crate::demo::shared::Shared;
use crate::demo::user::User;
use api_conformance::client::Client;
use api_conformance::proof::Proof;
use api_contract::Credentials;
use cluster::Design;
use sha2::{Digest, Sha256};
use std::fmt::Write;
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

    /// Reads every acknowledged upload back and counts those that are there, byte for
    /// byte, to their owners. It asks one replica directly: which replica remembers whom
    /// is another question.
    pub(crate) async fn read_back(&self, replica: SocketAddr) -> usize {
        let client = Client::new(&format!("http://{replica}"));
        let uploads = self.ledger().uploads.clone();
        let mut there = 0;
        for (number, account) in self.accounts.iter().enumerate() {
            let proof = self.log_in(&client, account).await;
            for upload in uploads.iter().filter(|upload| upload.user == number) {
                let read = client.content(&proof, &upload.file_id).await.done();
                there += usize::from(read.is_ok_and(|reply| {
                    hex(&Sha256::digest(&reply.body)) == upload.sha256
                }));
            }
        }
        there
    }

    async fn log_in(&self, client: &Client, account: &Credentials) -> Proof {
        match self.shared.lane.design() {
            Design::Stateful => match client.log_in_session(account).await.done() {
                Ok(reply) => Proof::Session(reply.body.session_id),
                Err(_) => Proof::None,
            },
            Design::Stateless => match client.token(account).await.done() {
                Ok(reply) => Proof::Bearer(reply.body.access_token),
                Err(_) => Proof::None,
            },
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _cannot_fail = write!(text, "{byte:02x}");
        text
    })
}
