//! State shared by users and faults: start, end, phases and records.

use crate::load_test::LoadTest;
use crate::phase::Phase;
use crate::sample::Sample;
use crate::settings::Settings;
use crate::virtual_user::VirtualUser;
use anyhow::{Context, ensure};
use report::statistics::whole_micros;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// Limit for all logins before the load, and for the last requests after it.
pub(crate) const USERS_TIMEOUT: Duration = Duration::from_secs(60);

/// One run of a scenario.
pub(crate) struct RunState {
    pub(crate) load_test: &'static LoadTest,
    pub(crate) settings: Settings,
    /// Users send no new requests once it is cancelled.
    pub(crate) stop: CancellationToken,
    started_at: watch::Sender<Option<Instant>>,
    ready_users: watch::Sender<usize>,
    finished_count: watch::Sender<usize>,
    records: Mutex<RunRecords>,
}

/// The records.
#[derive(Debug, Default)]
pub(crate) struct RunRecords {
    /// Users that have not started yet, by number.
    pub(crate) waiting_users: Vec<Option<VirtualUser>>,
    /// Users that have finished.
    pub(crate) finished_users: Vec<VirtualUser>,
    /// In the order of their ends.
    pub(crate) samples: Vec<Sample>,
    pub(crate) phases: Vec<Phase>,
    /// End of the load, in microseconds since its start.
    pub(crate) duration_us: u64,
}

impl RunState {
    pub(crate) fn new(
        load_test: &'static LoadTest,
        settings: Settings,
        users: Vec<VirtualUser>,
        stop: CancellationToken,
    ) -> Self {
        let waiting_users = users.into_iter().map(Some).collect();
        let records = RunRecords { waiting_users, ..RunRecords::default() };
        Self {
            load_test,
            settings,
            stop,
            started_at: watch::Sender::new(None),
            ready_users: watch::Sender::new(0),
            finished_count: watch::Sender::new(0),
            records: Mutex::new(records),
        }
    }

    pub(crate) fn records(&self) -> MutexGuard<'_, RunRecords> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The user of that number; [`None`] if it is already taken.
    pub(crate) fn take_user(&self, number: usize) -> Option<VirtualUser> {
        self.records().waiting_users.get_mut(number)?.take()
    }

    /// A user has finished; returns its records.
    pub(crate) fn finish_user(&self, user: VirtualUser) {
        self.records().finished_users.push(user);
        self.finished_count.send_modify(|finished| *finished += 1);
    }

    /// A user is ready and waits for the start; [`None`] if the run was stopped.
    pub(crate) async fn wait_for_start(&self) -> Option<Instant> {
        self.ready_users.send_modify(|ready| *ready += 1);
        let mut started_at = self.started_at.subscribe();
        let begun = self.stop.run_until_cancelled(started_at.wait_for(Option::is_some));
        *begun.await?.ok()?
    }

    /// Starts the load once all users are ready.
    pub(crate) async fn start_load(&self) -> anyhow::Result<()> {
        let (mut ready, users) = (self.ready_users.subscribe(), self.settings.users);
        let all = ready.wait_for(|ready| *ready == users);
        let all = self.stop.run_until_cancelled(timeout(USERS_TIMEOUT, all)).await;
        let stopped = all.is_none();
        let in_time = all.is_none_or(|all| all.is_ok());
        let ready = *self.ready_users.borrow();
        ensure!(in_time, "only {ready} of {users} users could log in, without any fault");
        if !stopped {
            self.started_at.send_replace(Some(Instant::now()));
        }
        Ok(())
    }

    /// Waits until every user has finished its last action.
    pub(crate) async fn wait_for_all_users(&self, limit: Duration) -> anyhow::Result<()> {
        let (mut finished, users) =
            (self.finished_count.subscribe(), self.settings.users);
        let all = finished.wait_for(|finished| *finished == users);
        match self.stop.run_until_cancelled(timeout(limit, all)).await {
            Some(in_time) => in_time.context("some users did not finish").map(drop),
            None => Ok(()),
        }
    }

    /// Microseconds since the start of the load.
    pub(crate) fn now_us(&self) -> u64 {
        self.started_at
            .borrow()
            .map_or(0, |started_at| whole_micros(started_at.elapsed()))
    }

    /// Waits until then; returns whether the load still runs.
    pub(crate) async fn sleep_until(&self, then: Instant) -> bool {
        let stopped = self.stop.run_until_cancelled(sleep_until(then)).await.is_none();
        !stopped && !self.stop.is_cancelled()
    }

    /// Waits; returns whether the load still runs.
    pub(crate) async fn sleep(&self, time: Duration) -> bool {
        self.sleep_until(Instant::now() + time).await
    }

    /// Starts a phase.
    pub(crate) fn start_phase(
        &self,
        name: &str,
        fault_undetected: bool,
        replicas: usize,
    ) {
        let (name, start_us) = (name.to_owned(), self.now_us());
        self.records().phases.push(Phase { name, start_us, fault_undetected, replicas });
    }

    /// Ends the load.
    pub(crate) fn end_load(&self) {
        self.records().duration_us = self.now_us();
        self.stop.cancel();
    }

    /// Records a request.
    pub(crate) fn record(&self, sample: Sample) {
        self.records().samples.push(sample);
    }
}
