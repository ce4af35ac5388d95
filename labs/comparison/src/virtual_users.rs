//! The virtual users of one design.

use crate::recovery::SUCCESSES_FOR_RECOVERY;
use crate::series::{RequestResult, Series, samples};
use crate::virtual_user::{LoadStart, PreparedUser, ScheduledUser};
use anyhow::bail;
use api_contract::design::Design;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use workload::entry::Entry;
use workload::request_result::{each_ends_with, fewest_answers_since, login_replicas};
use workload::request_schedule::RequestSchedule;
use workload::{Header, HistoryRecorder};

/// Limit for logging in all users, and for a wait for their answers.
const WAIT_TIMEOUT: Duration = Duration::from_secs(15);

/// Users that have logged in and wait for the start of the load.
pub(crate) struct VirtualUsers {
    users: Vec<ScheduledUser>,
    history: HistoryRecorder,
    seed: u64,
}

impl VirtualUsers {
    /// Logs in all users anew. The balancer chooses the replica of each login.
    pub(crate) async fn log_in_all(
        design: Design,
        url: &str,
        prepared_users: &[PreparedUser],
        seed: u64,
    ) -> anyhow::Result<Self> {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        let names = prepared_users.iter().map(|user| user.account.username.clone());
        let history = HistoryRecorder::new(Header::new(seed, names.collect()));
        let mut users = Vec::new();
        for (number, prepared) in prepared_users.iter().enumerate() {
            let (prepared, place) = (prepared.clone(), (design, url));
            let mut user =
                ScheduledUser::new(number, prepared, place, seed, history.clone());
            while !user.log_in().await {
                if Instant::now() > deadline {
                    let result = history.with_entries(|entries| {
                        entries
                            .last()
                            .map_or(RequestResult::Failed, Entry::request_result)
                    });
                    bail!("{design}: logins fail without a fault: {result:?}");
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            users.push(user);
        }
        Ok(Self { users, history, seed })
    }

    /// The replica that each login came from.
    pub(crate) fn login_replicas(&self) -> Vec<Option<String>> {
        let users = self.users.len();
        self.history.with_entries(|entries| login_replicas(entries, users, u64::MAX))
    }

    /// Starts the load.
    pub(crate) fn start_load(self, mean: Duration) -> RunningLoad {
        let (users, history) = (self.users.len(), self.history);
        let start_us = history.now_us();
        let start = LoadStart {
            started_at: (history.started_at() + Duration::from_micros(start_us)).into(),
            start_us,
            stop: CancellationToken::new(),
        };
        let mut tasks = JoinSet::new();
        for (number, user) in self.users.into_iter().enumerate() {
            let schedule = RequestSchedule::new(self.seed, number, mean);
            tasks.spawn(user.run(schedule, start.clone()));
        }
        RunningLoad {
            history,
            users,
            start,
            fault_start_us: None,
            fault_end_us: None,
            tasks,
        }
    }
}

/// Users under load. Dropping it stops them at once. Its times are microseconds since the
/// start of the history.
pub(crate) struct RunningLoad {
    history: HistoryRecorder,
    users: usize,
    start: LoadStart,
    fault_start_us: Option<u64>,
    fault_end_us: Option<u64>,
    tasks: JoinSet<()>,
}

impl RunningLoad {
    /// The fault begins now.
    pub(crate) fn fault_started(&mut self) {
        self.fault_start_us = Some(self.history.now_us());
    }

    /// The fault, with its repair, is over now.
    pub(crate) fn fault_ended(&mut self) {
        self.fault_end_us = Some(self.history.now_us());
    }

    /// Waits until every user has had this number of answers since the latest mark: the
    /// start, or the end of the fault. Returns false on timeout.
    pub(crate) async fn wait_for_answers(&self, answers: usize) -> bool {
        let since_us = self.fault_end_us.unwrap_or(self.start.start_us);
        self.wait_until(|entries| {
            fewest_answers_since(entries, self.users, since_us) >= answers
        })
        .await
    }

    /// Waits until requests no longer fail. Returns false on timeout.
    pub(crate) async fn wait_until_quiesced(&self) -> bool {
        let since_us = self.fault_start_us.unwrap_or(self.start.start_us);
        let answered = |result: RequestResult| !result.is_error();
        self.wait_until(|entries| {
            each_ends_with(
                entries,
                self.users,
                since_us,
                SUCCESSES_FOR_RECOVERY,
                answered,
            )
        })
        .await
    }

    async fn wait_until(&self, condition: impl Fn(&[Entry]) -> bool) -> bool {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        while !self.history.with_entries(&condition) {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Stops the users after their current requests.
    pub(crate) async fn stop(mut self) -> Series {
        let duration_us = self.history.now_us() - self.start.start_us;
        self.start.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        let start_us = self.start.start_us;
        let since_start = |moment_us: u64| moment_us - start_us;
        Series {
            users: self.users,
            samples: self
                .history
                .with_entries(|entries| samples(entries, self.users, start_us)),
            duration_us,
            fault_start_us: self.fault_start_us.map(since_start),
            fault_end_us: self.fault_end_us.map(since_start),
        }
    }
}
