//! The acts of a demo. Each waits for a condition, never for a fixed time.

use crate::commands::program;
use crate::demo::Scenario;
use crate::demo::facts::facts;
use crate::demo::predict::{self, Prediction};
use crate::demo::progress::Step;
use crate::demo::report::Report;
use crate::demo::running_lane::{REPLICAS, RunningLane};
use crate::demo::verdict::{doubts, outcome_of};
use crate::screen::{counted, remark};
use api_contract::Credentials;
use api_contract::secret::Secret;
use cluster::RunDir;
use futures_util::future::{join_all, try_join_all};
use std::time::{Duration, Instant};
use upload_domain::accounts::random_password;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

/// Answers for each user before the fault, and after it.
const BASELINE_ANSWERS: usize = 10;
const OBSERVED_ANSWERS: usize = 30;

/// Answers for each user between the wait for Enter and the fault, so that all users are
/// at full speed.
const AWAKE_ANSWERS: usize = 3;

/// Time limit of an act. After it the demo continues, and the run is inconclusive unless a
/// check fails that no slowness explains.
const ACT_TIMEOUT: Duration = Duration::from_secs(30);

const ACTS: usize = 6;

/// Everything that a demo starts.
pub(crate) struct Stage {
    scenario: Scenario,
    seed: u64,
    users: usize,
    target: String,
    began: Instant,
    lanes: Vec<RunningLane>,
    /// Last, so that the processes are gone before the users file is.
    folder: Option<RunDir>,
}

impl Stage {
    pub(crate) fn new(scenario: Scenario, seed: u64, users: usize) -> Self {
        let target = format!("r{}", seed % REPLICAS as u64 + 1);
        let (lanes, folder) = (Vec::new(), None);
        Self { scenario, seed, users, target, began: Instant::now(), lanes, folder }
    }

    /// Prints the fault, and asks for predictions.
    pub(crate) fn predict(&mut self, asks: bool) -> Vec<Prediction> {
        let fault = self.scenario.fault(&self.target);
        remark(format!("{}: {fault}.", self.scenario.title()));
        let users = self.users;
        remark(format!(
            "{} configurations of {REPLICAS} replicas; {users} users for each.",
            self.scenario.lanes().len()
        ));
        let predictions = if asks {
            predict::ask(self.scenario.lanes(), self.users)
        } else {
            Vec::new()
        };
        self.began = Instant::now();
        predictions
    }

    /// Starts the clusters and the users.
    pub(crate) async fn set_up(&mut self) -> anyhow::Result<()> {
        let step = Step::begin(1, ACTS, "starting real servers");
        let program = program()?;
        let folder = RunDir::create(&program)?;
        let accounts = accounts(self.users);
        let named: Vec<_> = accounts
            .iter()
            .map(|account| (account.username.as_str(), account.password.expose()))
            .collect();
        let users_file = folder.path().join("users.json");
        users_file::write(&users_file, &named, HashCost::Owasp)?;
        let lanes = self.scenario.lanes().iter().copied();
        let start = |lane| RunningLane::servers(lane, &program, &users_file);
        let clusters = try_join_all(lanes.clone().map(start)).await?;
        // Users start after all clusters: their load would slow down the other starts.
        let open =
            |(lane, cluster)| RunningLane::open(lane, cluster, &accounts, self.seed);
        self.lanes = lanes.zip(clusters).map(open).collect();
        self.folder = Some(folder);
        if self.scenario == Scenario::PostgresRestarts {
            for lane in &self.lanes {
                lane.must_have_a_database_that_can_crash().await?;
            }
        }
        step.end(&self.started().await);
        Ok(())
    }

    /// Runs the users without a fault.
    pub(crate) async fn baseline(&mut self) {
        let step = Step::begin(2, ACTS, "baseline: no fault");
        let enough = self.until_each_user_has_had(BASELINE_ANSWERS, &step).await;
        step.end(&self.so_far(enough));
    }

    /// Waits for Enter with slow users, and returns when they are at full speed again.
    pub(crate) async fn wait_for_enter(&mut self) {
        self.lanes.iter().for_each(|lane| lane.crowd.rest(true));
        let fault = self.scenario.fault(&self.target);
        predict::wait_for_enter(format!("Press Enter to {fault} ")).await;
        let step = Step::begin(2, ACTS, "baseline: all users at full speed again");
        for lane in &mut self.lanes {
            lane.crowd.rest(false);
            lane.act_begins();
        }
        let enough = self.until_each_user_has_had(AWAKE_ANSWERS, &step).await;
        step.end(&self.so_far(enough));
    }

    /// Injects the fault into all configurations at once.
    pub(crate) async fn strike(&mut self) -> anyhow::Result<()> {
        let fault = self.scenario.fault(&self.target);
        let step = Step::begin(3, ACTS, &format!("fault: {fault}"));
        for lane in &self.lanes {
            lane.crowd.ledger().fault_begins();
        }
        let all = self.lanes.iter();
        try_join_all(all.map(|lane| lane.strike(self.scenario, &self.target))).await?;
        self.lanes.iter_mut().for_each(RunningLane::act_begins);
        step.end("done in every configuration");
        Ok(())
    }

    /// Runs the users until they have recovered, or until the time limit.
    pub(crate) async fn observe(&mut self) {
        let step = Step::begin(4, ACTS, "observing");
        let enough = self.until_each_user_has_had(OBSERVED_ANSWERS, &step).await;
        // A user without answers has not recovered, and the wait for it is over.
        let calm =
            enough && wait_until(|| self.lanes.iter().all(RunningLane::is_calm)).await;
        join_all(self.lanes.iter_mut().map(|lane| lane.crowd.stop())).await;
        step.end(&self.so_far(calm));
    }

    /// Makes the verification reads, counts, and judges.
    pub(crate) async fn compare(&self) -> anyhow::Result<Report> {
        let step =
            Step::begin(5, ACTS, "verification reads of every acknowledged upload");
        let reports = self.lanes.iter().map(|lane| lane.report(&self.target));
        let lanes = try_join_all(reports).await?;
        let facts = facts(self.scenario, self.users, &lanes);
        let doubts = doubts(self.scenario, &lanes);
        let present: usize = lanes.iter().map(|lane| lane.uploads_present).sum();
        step.end(&format!("{present} are present"));
        Ok(Report {
            scenario: self.scenario,
            seed: self.seed,
            target: self.target.clone(),
            users: self.users,
            outcome: outcome_of(&facts, &doubts),
            lanes,
            facts,
            doubts,
            seconds: self.began.elapsed().as_secs_f64(),
        })
    }

    /// Stops everything.
    pub(crate) async fn reset(self) {
        let step = Step::begin(6, ACTS, "stopping everything");
        join_all(self.lanes.iter().map(|lane| lane.cluster.down())).await;
        step.note("removing the uploads");
        // Removes their folders with hundreds of files, which takes some seconds.
        drop(self);
        step.end("nothing is left running");
    }

    /// Whether every user got this many answers before the time limit.
    async fn until_each_user_has_had(&mut self, answers: usize, step: &Step) -> bool {
        let enough = wait_until(|| {
            let had = self.lanes.iter().map(RunningLane::fewest_answers).min();
            let had = had.unwrap_or(0).min(answers);
            step.note(&format!("{had} of {answers} answers for each user"));
            had >= answers
        });
        let enough = enough.await;
        self.lanes.iter_mut().for_each(|lane| lane.act_ends(answers));
        enough
    }

    /// The number of processes, and the services that were chosen for them.
    async fn started(&self) -> String {
        let processes = self.lanes.len() * (REPLICAS + 1);
        for lane in &self.lanes {
            if let Some(shared) = lane.shares().await {
                return format!(
                    "{processes} servers; in {}: {shared}",
                    lane.crowd.lane().title()
                );
            }
        }
        format!("{processes} processes")
    }

    fn so_far(&self, in_time: bool) -> String {
        let count = |lane: &RunningLane| lane.crowd.ledger().entries.len();
        let requests: usize = self.lanes.iter().map(count).sum();
        let cut_short = if in_time { "" } else { ", cut short" };
        format!("{} so far{cut_short}", counted(requests, "request"))
    }
}

/// Polls until the condition holds or [`ACT_TIMEOUT`] is over. Returns whether it holds.
async fn wait_until(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + ACT_TIMEOUT;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn accounts(users: usize) -> Vec<Credentials> {
    let account = |number| Credentials {
        username: format!("user-{number}"),
        password: Secret::new(random_password()),
    };
    (1..=users).map(account).collect()
}
