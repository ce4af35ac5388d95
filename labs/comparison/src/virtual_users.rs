//! The virtual users of one design.

use crate::pace::Pace;
use crate::recovery::is_calm;
use crate::series::Series;
use crate::user::{Person, Shared, User};
use anyhow::bail;
use api_contract::design::Design;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Limit for logging in all users, and for a wait for their answers.
const WAIT_TIMEOUT: Duration = Duration::from_secs(15);

/// Users that have logged in and wait for the start of the load.
pub(crate) struct VirtualUsers {
    users: Vec<User>,
    seed: u64,
}

impl VirtualUsers {
    /// Logs in all users anew. The balancer chooses the replica of each login.
    pub(crate) async fn gather(
        design: Design,
        url: &str,
        people: &[Person],
        seed: u64,
    ) -> anyhow::Result<Self> {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        let mut users = Vec::new();
        for (number, person) in people.iter().enumerate() {
            let mut user = User::new(number, person.clone(), design, url, seed);
            while let Err((ended, _)) = user.log_in().await {
                if Instant::now() > deadline {
                    bail!("{design}: logins fail without a fault: {ended:?}");
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            users.push(user);
        }
        Ok(Self { users, seed })
    }

    /// The replica that each login came from.
    pub(crate) fn homes(&self) -> Vec<Option<String>> {
        self.users.iter().map(|user| user.home.clone()).collect()
    }

    /// Starts the load.
    pub(crate) fn go(self, mean: Duration) -> Load {
        let shared = Arc::new(Shared::begin(self.users.len()));
        let mut tasks = JoinSet::new();
        for (number, user) in self.users.into_iter().enumerate() {
            let pace = Pace::new(self.seed, number, mean);
            tasks.spawn(user.work(pace, Arc::clone(&shared)));
        }
        Load { shared, tasks }
    }
}

/// Users under load. Dropping it stops them at once.
pub(crate) struct Load {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Load {
    /// The fault begins now.
    pub(crate) fn fault_begins(&self) {
        let now = self.shared.now_us();
        self.shared.series().fault_us = Some(now);
    }

    /// The fault, with its repair, is over now.
    pub(crate) fn fault_is_done(&self) {
        let now = self.shared.now_us();
        self.shared.series().done_us = Some(now);
    }

    /// Waits until every user has had this number of answers since the latest mark: the
    /// start, or the end of the fault. Returns false on timeout.
    pub(crate) async fn until_all_have(&self, answers: usize) -> bool {
        self.until(|series| {
            let since = series.done_us.unwrap_or(0);
            series.fewest_answers_since(since) >= answers
        })
        .await
    }

    /// Waits until requests no longer fail. Returns false on timeout.
    pub(crate) async fn until_calm(&self) -> bool {
        self.until(is_calm).await
    }

    async fn until(&self, so: impl Fn(&Series) -> bool) -> bool {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        while !so(&self.shared.series()) {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Stops the users after their current requests.
    pub(crate) async fn end(mut self) -> Series {
        let span_us = self.shared.now_us();
        self.shared.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        let mut series = std::mem::take(&mut *self.shared.series());
        series.span_us = span_us;
        series
    }
}
