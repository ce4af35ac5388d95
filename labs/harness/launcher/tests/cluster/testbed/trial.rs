//! A trial: one test with its accounts, its history, its faults, and the final check.

use crate::testbed::{Run, TestCluster};
use anyhow::{bail, ensure};
use api_contract::LoginRequest;
use client::AuthScheme;
use launcher::commands::MemberAction;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use workload::entry::{Entry, Operation, OperationOutcome};
use workload::history::History;
use workload::recorder::FaultId;
use workload::virtual_user::{LoginCredential, VirtualUser};
use workload::workload::UserFinalState;
use workload::{
    HistoryRecorder, Invariant, Outcome, Workload, check, verification_reads,
};

/// The interval between two checks of a condition.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The longest time to wait for a condition.
const WAIT_TIMEOUT: Duration = Duration::from_secs(40);

/// The number of successive replies after which a user counts as served.
const SUCCESSIVE_REPLIES: usize = 4;

/// Logs a user in. Retries, because a busy server may answer 503.
pub(crate) async fn logged_in(
    virtual_user: &mut VirtualUser,
) -> anyhow::Result<LoginCredential> {
    let began = tokio::time::Instant::now();
    loop {
        match virtual_user.log_in().await {
            Some(credential) => return Ok(credential),
            None if began.elapsed() > WAIT_TIMEOUT => {
                bail!("{} cannot log in", virtual_user.account.username)
            }
            None => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
}

/// One test with its accounts, history and faults.
pub(crate) struct Trial {
    pub(crate) seed: u64,
    pub(crate) recorder: HistoryRecorder,
    test: &'static str,
    accounts: Vec<LoginRequest>,
    auth_scheme: AuthScheme,
    pub(super) began: SystemTime,
    pub(super) blobs: PathBuf,
}

impl Trial {
    pub(super) fn new(
        run: &Run,
        fixture: &TestCluster,
        accounts: Vec<LoginRequest>,
    ) -> Self {
        let users = accounts.iter().map(|account| account.username.clone()).collect();
        Self {
            seed: run.seed,
            recorder: HistoryRecorder::new(run.header(fixture.design.as_str(), users)),
            test: run.test,
            accounts,
            auth_scheme: fixture.auth_scheme(),
            began: SystemTime::now(),
            blobs: fixture.cluster.run_dir().join("data/blobs"),
        }
    }

    /// One of the users, with a client for `url`.
    pub(crate) fn user(&self, user: usize, url: &str) -> VirtualUser {
        let account = self.accounts[user].clone();
        VirtualUser::new(user, account, self.auth_scheme, url, self.recorder.clone())
    }

    /// Starts the workload: all users, with clients for `url`.
    pub(crate) fn start_workload(&self, url: &str) -> Workload {
        Workload::start(&self.accounts, self.auth_scheme, url, self.seed, &self.recorder)
    }

    /// Injects a fault, and records it.
    pub(crate) async fn inject(
        &self,
        fixture: &TestCluster,
        target: &str,
        command: MemberAction,
    ) -> anyhow::Result<FaultId> {
        let fault = self.recorder.fault_start_invoked(target, command.as_str());
        fixture.execute(target, command).await?;
        self.recorder.fault_start_completed(fault);
        Ok(fault)
    }

    /// Repairs a fault, and records the repair.
    pub(crate) async fn repair(
        &self,
        fixture: &TestCluster,
        fault: FaultId,
        (target, command): (&str, MemberAction),
    ) -> anyhow::Result<()> {
        self.recorder.fault_stop_invoked(fault);
        fixture.execute(target, command).await?;
        self.recorder.fault_stop_completed(fault);
        Ok(())
    }

    /// Waits until each user has got some replies from now on. After the timeout the checker
    /// reports the users without replies.
    pub(crate) async fn until_all_are_served(&self) {
        let since = self.recorder.now_ms();
        let users = 0..self.accounts.len();
        self.until(|entries| users.clone().all(|user| is_served(entries, user, since)))
            .await;
    }

    /// Stops the workload, after each user is served and one of them has logged out. Without a
    /// logout the checker could not find an accepted credential that should be revoked.
    pub(crate) async fn finish(&self, workload: Workload) -> Vec<UserFinalState> {
        self.until_all_are_served().await;
        self.until(|entries| entries.iter().any(is_logged_out)).await;
        workload.stop().await
    }

    async fn until(&self, condition: impl Fn(&[Entry]) -> bool) {
        let began = tokio::time::Instant::now();
        while !self.recorder.with_entries(&condition) && began.elapsed() < WAIT_TIMEOUT {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Does the verification reads, and checks the history against all invariants of the design.
    /// It is for runs of a workload, which can test all invariants except I7.
    ///
    /// # Errors
    /// When an invariant is violated, or the run cannot show that it holds.
    pub(crate) async fn check_history(
        self,
        fixture: &TestCluster,
        users: &[UserFinalState],
    ) -> anyhow::Result<History> {
        let guarantees = fixture.guarantees();
        let is_required = |one: &Invariant| match one {
            Invariant::UnverifiableIs503 => false,
            Invariant::Revocation => guarantees.revocations_hold,
            Invariant::LoginsSurvive => guarantees.logins_survive,
            _ => true,
        };
        let all: Vec<_> = Invariant::ALL.into_iter().filter(is_required).collect();
        self.check_invariants(fixture, users, &all).await
    }

    /// The same for a run that can test some invariants: the required ones must hold, and no other
    /// may be violated. A trial that shares its stores with another one cannot test for orphans.
    ///
    /// # Errors
    /// When an invariant is violated, or the run cannot show that a required one holds.
    pub(crate) async fn check_invariants(
        self,
        fixture: &TestCluster,
        users: &[UserFinalState],
        required: &[Invariant],
    ) -> anyhow::Result<History> {
        let urls = fixture.replica_urls().await?;
        verification_reads::run(users, &urls, &self.recorder).await;
        if required.contains(&Invariant::NoOrphans) {
            self.record_orphans().await?;
        }
        let history = self.recorder.history();
        let report = check(&history, &fixture.guarantees());
        let holds = |one: &Invariant| report.outcome(*one) == Outcome::Pass;
        let all_hold = report.violated().is_empty() && required.iter().all(holds);
        ensure!(all_hold, "{}, seed {}\n{report}", self.test, self.seed);
        Ok(history)
    }
}

fn is_served(entries: &[Entry], user: usize, since: u64) -> bool {
    let since = |entry: &&Entry| entry.user == user && entry.invoked_ms() >= since;
    let last: Vec<_> =
        entries.iter().rev().filter(since).take(SUCCESSIVE_REPLIES).collect();
    last.len() == SUCCESSIVE_REPLIES && last.iter().all(|entry| entry.was_served())
}

fn is_logged_out(entry: &Entry) -> bool {
    matches!(entry.operation, Operation::LogOut { .. })
        && entry.outcome == OperationOutcome::Ok
}
