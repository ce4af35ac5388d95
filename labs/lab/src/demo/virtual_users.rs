//! All users of one configuration, and the history of their requests.

use crate::demo::configuration::Configuration;
use crate::demo::ledger::Ledger;
use crate::demo::shared::SharedState;
use crate::demo::virtual_user::ScriptedUser;
use api_contract::LoginRequest;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use workload::request_result::{each_ends_with, fewest_answers_since, requests};
use workload::virtual_user::VirtualUser;
use workload::workload::UserFinalState;
use workload::{
    Header, HistoryRecorder, RequestResult, VerifiedUploads, verification_reads,
};

/// Time limit of all verification reads together.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Users that follow their script until they are stopped.
pub(crate) struct VirtualUsers {
    pub(crate) configuration: Configuration,
    history: HistoryRecorder,
    shared: Arc<SharedState>,
    users: usize,
    running: JoinSet<UserFinalState>,
    stopped: Vec<UserFinalState>,
    /// The start of the fault, in microseconds since the users started.
    fault_us: Option<u64>,
}

impl VirtualUsers {
    /// Starts all users.
    pub(crate) fn start(
        configuration: Configuration,
        url: &str,
        accounts: &[LoginRequest],
        seed: u64,
    ) -> Self {
        let names = accounts.iter().map(|account| account.username.clone()).collect();
        let history = HistoryRecorder::new(Header::new(seed, names));
        let (shared, mut running) = (Arc::<SharedState>::default(), JoinSet::new());
        for (user, account) in accounts.iter().enumerate() {
            let (account, history) = (account.clone(), history.clone());
            let scheme = configuration.auth_scheme();
            let user = VirtualUser::new(user, account, scheme, url, history);
            running.spawn(ScriptedUser::new(user, seed, Arc::clone(&shared)).run());
        }
        let (users, stopped, fault_us) = (accounts.len(), Vec::new(), None);
        Self { configuration, history, shared, users, running, stopped, fault_us }
    }

    /// Starts the fault phase.
    pub(crate) fn start_fault(&mut self) {
        self.fault_us = Some(self.now_us());
    }

    /// Microseconds since the users started.
    pub(crate) fn now_us(&self) -> u64 {
        self.history.now_us()
    }

    /// The number of requests so far.
    pub(crate) fn request_count(&self) -> usize {
        self.history.with_entries(|entries| requests(entries).count())
    }

    /// The number of answers of the user with the fewest since a moment.
    pub(crate) fn fewest_answers_since(&self, moment_us: u64) -> usize {
        self.history
            .with_entries(|entries| fewest_answers_since(entries, self.users, moment_us))
    }

    /// Whether every user has made this many requests since the fault, and the last ones
    /// were answered.
    pub(crate) fn is_quiesced(&self, count: usize) -> bool {
        let answered = |result: RequestResult| !result.is_error();
        let since_us = self.fault_us.unwrap_or(u64::MAX);
        self.history.with_entries(|entries| {
            each_ends_with(entries, self.users, since_us, count, answered)
        })
    }

    /// Lets each user finish its request, then stops it.
    pub(crate) async fn stop(&mut self) {
        self.shared.stop.cancel();
        while let Some(user) = self.running.join_next().await {
            self.stopped.extend(user);
        }
    }

    /// Slows all users down and stops their uploads, or brings them back to full speed.
    pub(crate) fn slow_down(&self, slowed_down: bool) {
        self.shared.slow_down(slowed_down);
    }

    /// Reads every uploaded file of all users from one replica.
    pub(crate) async fn read_uploads(&self, replica: SocketAddr) -> VerifiedUploads {
        let replica = [format!("http://{replica}")];
        let reads = verification_reads::run(&self.stopped, &replica, &self.history);
        // Reads that were not made in time count as unanswered.
        let _in_time = tokio::time::timeout(READ_TIMEOUT, reads).await;
        self.history.with_entries(|entries| VerifiedUploads::of(entries, self.users))
    }

    /// The requests so far.
    pub(crate) fn ledger(&self) -> Ledger {
        let entries = self
            .history
            .with_entries(|entries| requests(entries).cloned().collect::<Vec<_>>());
        let login_replicas = self.history.with_entries(|entries| {
            let until_us = self.fault_us.unwrap_or(u64::MAX);
            workload::request_result::login_replicas(entries, self.users, until_us)
        });
        let (users, fault_us) = (self.users, self.fault_us);
        Ledger { users, entries, login_replicas, fault_us }
    }
}
