//! The virtual users of one design.

use crate::recovery::is_quiesced;
use crate::request_schedule::RequestSchedule;
use crate::series::Series;
use crate::virtual_user::{LoadState, PreparedUser, VirtualUser};
use anyhow::bail;
use api_contract::design::Design;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Limit for logging in all users, and for a wait for their answers.
const WAIT_TIMEOUT: Duration = Duration::from_secs(15);

/// Users that have logged in and wait for the start of the load.
pub(crate) struct VirtualUsers {
    users: Vec<VirtualUser>,
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
        let mut users = Vec::new();
        for (number, prepared) in prepared_users.iter().enumerate() {
            let mut user = VirtualUser::new(number, prepared.clone(), design, url, seed);
            while let Err((result, _)) = user.log_in().await {
                if Instant::now() > deadline {
                    bail!("{design}: logins fail without a fault: {result:?}");
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            users.push(user);
        }
        Ok(Self { users, seed })
    }

    /// The replica that each login came from.
    pub(crate) fn login_replicas(&self) -> Vec<Option<String>> {
        self.users.iter().map(|user| user.login_replica.clone()).collect()
    }

    /// Starts the load.
    pub(crate) fn start_load(self, mean: Duration) -> RunningLoad {
        let shared = Arc::new(LoadState::start(self.users.len()));
        let mut tasks = JoinSet::new();
        for (number, user) in self.users.into_iter().enumerate() {
            let pace = RequestSchedule::new(self.seed, number, mean);
            tasks.spawn(user.run(pace, Arc::clone(&shared)));
        }
        RunningLoad { shared, tasks }
    }
}

/// Users under load. Dropping it stops them at once.
pub(crate) struct RunningLoad {
    shared: Arc<LoadState>,
    tasks: JoinSet<()>,
}

impl RunningLoad {
    /// The fault begins now.
    pub(crate) fn fault_started(&self) {
        let now = self.shared.now_us();
        self.shared.series().fault_start_us = Some(now);
    }

    /// The fault, with its repair, is over now.
    pub(crate) fn fault_ended(&self) {
        let now = self.shared.now_us();
        self.shared.series().fault_end_us = Some(now);
    }

    /// Waits until every user has had this number of answers since the latest mark: the
    /// start, or the end of the fault. Returns false on timeout.
    pub(crate) async fn wait_for_answers(&self, answers: usize) -> bool {
        self.wait_until(|series| {
            let since = series.fault_end_us.unwrap_or(0);
            series.fewest_answers_since(since) >= answers
        })
        .await
    }

    /// Waits until requests no longer fail. Returns false on timeout.
    pub(crate) async fn wait_until_quiesced(&self) -> bool {
        self.wait_until(is_quiesced).await
    }

    async fn wait_until(&self, condition: impl Fn(&Series) -> bool) -> bool {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        while !condition(&self.shared.series()) {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Stops the users after their current requests.
    pub(crate) async fn stop(mut self) -> Series {
        let duration_us = self.shared.now_us();
        self.shared.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        let mut series = std::mem::take(&mut *self.shared.series());
        series.duration_us = duration_us;
        series
    }
}
