//! The acts of a demo. Each waits for something to be so, never for time to pass.

use crate::commands::program;
use crate::demo::Scenario;
use crate::demo::facts::facts;
use crate::demo::predict::{self, Prediction};
use crate::demo::progress::Step;
use crate::demo::report::Report;
use crate::demo::running_lane::{REPLICAS, RunningLane};
use crate::demo::verdict::{Verdict, doubts};
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

/// Answers for each user between a rest and the fault, so that all are at full speed.
const AWAKE_ANSWERS: usize = 3;

/// How long an act may take before the demo goes on without it; the verdict is then
/// "could not tell", unless something happened that no slowness explains.
const PATIENCE: Duration = Duration::from_secs(30);

const ACTS: usize = 6;

/// Everything that a demo has started.
pub(crate) struct Stage {
    scenario: Scenario,
    seed: u64,
    users: usize,
    victim: String,
    began: Instant,
    lanes: Vec<RunningLane>,
    /// Last, so that the processes are gone before the users file is.
    folder: Option<RunDir>,
}

impl Stage {
    pub(crate) fn new(scenario: Scenario, seed: u64, users: usize) -> Self {
        let victim = format!("r{}", seed % REPLICAS as u64 + 1);
        let (lanes, folder) = (Vec::new(), None);
        Self { scenario, seed, users, victim, began: Instant::now(), lanes, folder }
    }

    /// Says what is about to happen, and asks what will come of it.
    pub(crate) fn predict(&mut self, asks: bool) -> Vec<Prediction> {
        let fault = self.scenario.fault(&self.victim);
        remark(format!("{}: {fault}.", self.scenario.title()));
        let users = self.users;
        remark(format!(
            "{} lanes of {REPLICAS} servers each; {users} users in front of each.",
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

    /// Starts the clusters and lets the users log in and begin.
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
        // Nobody before all are ready: a crowd would take the machine from what still starts.
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

    /// Lets everybody work while nothing is wrong.
    pub(crate) async fn baseline(&mut self) {
        let step = Step::begin(2, ACTS, "baseline: nothing is wrong");
        let enough = self.until_each_user_has_had(BASELINE_ANSWERS, &step).await;
        step.end(&self.so_far(enough));
    }

    /// Waits until somebody at the keyboard wants the fault. The users rest meanwhile,
    /// and are back at their pace when this returns.
    pub(crate) async fn wait_for_enter(&mut self) {
        self.lanes.iter().for_each(|lane| lane.crowd.rest(true));
        let fault = self.scenario.fault(&self.victim);
        predict::wait_for_enter(format!("Press Enter to {fault} ")).await;
        let step = Step::begin(2, ACTS, "baseline: everybody at full speed again");
        for lane in &mut self.lanes {
            lane.crowd.rest(false);
            lane.act_begins();
        }
        let enough = self.until_each_user_has_had(AWAKE_ANSWERS, &step).await;
        step.end(&self.so_far(enough));
    }

    /// The fault, in all lanes at once.
    pub(crate) async fn strike(&mut self) -> anyhow::Result<()> {
        let fault = self.scenario.fault(&self.victim);
        let step = Step::begin(3, ACTS, &format!("fault: {fault}"));
        for lane in &self.lanes {
            lane.crowd.ledger().fault_begins();
        }
        let all = self.lanes.iter();
        try_join_all(all.map(|lane| lane.strike(self.scenario, &self.victim))).await?;
        self.lanes.iter_mut().for_each(RunningLane::act_begins);
        step.end("done in every lane");
        Ok(())
    }

    /// Lets everybody work until it is over, or long enough to see that it never is.
    pub(crate) async fn observe(&mut self) {
        let step = Step::begin(4, ACTS, "observing");
        let enough = self.until_each_user_has_had(OBSERVED_ANSWERS, &step).await;
        // Who is still without answers has not calmed down, and has been waited for.
        let calm =
            enough && wait_until(|| self.lanes.iter().all(RunningLane::is_calm)).await;
        join_all(self.lanes.iter_mut().map(|lane| lane.crowd.stop())).await;
        step.end(&self.so_far(calm));
    }

    /// Reads every upload back, counts, and judges.
    pub(crate) async fn compare(&self) -> anyhow::Result<Report> {
        let step = Step::begin(5, ACTS, "reading every acknowledged upload back");
        let reports = self.lanes.iter().map(|lane| lane.report(&self.victim));
        let lanes = try_join_all(reports).await?;
        let facts = facts(self.scenario, self.users, &lanes);
        let doubts = doubts(self.scenario, &lanes);
        let there: usize = lanes.iter().map(|lane| lane.uploads_there).sum();
        step.end(&format!("{there} are there"));
        Ok(Report {
            scenario: self.scenario,
            seed: self.seed,
            victim: self.victim.clone(),
            users: self.users,
            verdict: Verdict::of(&facts, &doubts),
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
        step.note("removing what was uploaded");
        // Their folders go with them: hundreds of files a lane, which takes a while.
        drop(self);
        step.end("nothing is left running");
    }

    /// Whether everybody got so many answers before patience ended.
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

    /// How many processes there are, and what they share where that was a choice.
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

/// Polls until something is so, or patience ends; says whether it is so.
async fn wait_until(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
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
