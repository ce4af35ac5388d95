//! The acts of a demo. Each waits for a condition, never for a fixed time.

use crate::commands::program;
use crate::demo::checks::checks;
use crate::demo::judgement::{inconclusive_reasons, outcome_of};
use crate::demo::predict::{self, Prediction};
use crate::demo::progress::ProgressStep;
use crate::demo::report::Report;
use crate::demo::running::{REPLICAS, RunningConfiguration};
use crate::demo::scenario::Scenario;
use crate::screen::remark;
use api_contract::LoginRequest;
use api_contract::secret::Secret;
use futures_util::future::{join_all, try_join_all};
use launcher::RunDir;
use report::text::counted;
use std::time::{Duration, Instant};
use upload_domain::accounts::random_password;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

/// Answers for each user before the fault, and after it.
const BASELINE_ANSWERS: usize = 10;
const OBSERVED_ANSWERS: usize = 30;

/// Answers for each user between the wait for Enter and the fault, so that all users are
/// at full speed.
const FULL_SPEED_ANSWERS: usize = 3;

/// Time limit of an act. After it the demo continues, and the run is inconclusive unless a
/// check fails that no slowness explains.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);

const STEPS: usize = 6;

/// Everything that a demo starts.
pub(crate) struct Testbed {
    scenario: Scenario,
    seed: u64,
    users: usize,
    target: String,
    started_at: Instant,
    configurations: Vec<RunningConfiguration>,
    /// Last, so that the processes are gone before the users file is.
    folder: Option<RunDir>,
}

impl Testbed {
    /// A testbed that has started nothing. Without a target the seed chooses it.
    pub(crate) fn new(
        scenario: Scenario,
        seed: u64,
        users: usize,
        target: Option<String>,
    ) -> Self {
        let chosen = || format!("r{}", seed % REPLICAS as u64 + 1);
        let target = target.unwrap_or_else(chosen);
        let (configurations, folder) = (Vec::new(), None);
        Self {
            scenario,
            seed,
            users,
            target,
            started_at: Instant::now(),
            configurations,
            folder,
        }
    }

    /// Prints the fault, and asks for predictions.
    pub(crate) async fn predict(&mut self, asks: bool) -> Vec<Prediction> {
        let fault = self.scenario.fault(&self.target);
        remark(format!("{}: {fault}.", self.scenario.title()));
        let users = self.users;
        remark(format!(
            "{} configurations of {REPLICAS} replicas; {users} users for each.",
            self.scenario.configurations().len()
        ));
        let predictions = if asks {
            predict::ask(self.scenario.configurations(), self.users).await
        } else {
            Vec::new()
        };
        self.started_at = Instant::now();
        predictions
    }

    /// Starts the clusters and the users.
    pub(crate) async fn set_up(&mut self) -> anyhow::Result<()> {
        let step = ProgressStep::start(1, STEPS, "starting real servers");
        let program = program()?;
        let folder = RunDir::create()?;
        let accounts = accounts(self.users);
        let named: Vec<_> = accounts
            .iter()
            .map(|account| (account.username.as_str(), account.password.expose()))
            .collect();
        let users_file = folder.path().join("users.json");
        users_file::write(&users_file, &named, HashCost::Owasp)?;
        let configurations = self.scenario.configurations().iter().copied();
        let start = |configuration| {
            RunningConfiguration::start_servers(configuration, &program, &users_file)
        };
        let clusters = try_join_all(configurations.clone().map(start)).await?;
        // Users start after all clusters: their load would slow down the other starts.
        let open = |(configuration, cluster)| {
            RunningConfiguration::start_users(
                configuration,
                cluster,
                &accounts,
                self.seed,
            )
        };
        self.configurations = configurations.zip(clusters).map(open).collect();
        self.folder = Some(folder);
        if self.scenario == Scenario::PostgresRestarts {
            for configuration in &self.configurations {
                configuration.require_database_process().await?;
            }
        }
        step.finish(&self.startup_text().await);
        Ok(())
    }

    /// Runs the users without a fault.
    pub(crate) async fn baseline(&mut self) {
        let step = ProgressStep::start(2, STEPS, "baseline: no fault");
        let enough = self.wait_for_answers(BASELINE_ANSWERS, &step).await;
        step.finish(&self.progress_text(enough));
    }

    /// Waits for Enter with slow users, and returns when they are at full speed again.
    pub(crate) async fn wait_for_enter(&mut self) {
        self.configurations
            .iter()
            .for_each(|configuration| configuration.users.slow_down(true));
        let fault = self.scenario.fault(&self.target);
        predict::wait_for_enter(format!("Press Enter to {fault} ")).await;
        let step =
            ProgressStep::start(2, STEPS, "baseline: all users at full speed again");
        for configuration in &mut self.configurations {
            configuration.users.slow_down(false);
            configuration.begin_step();
        }
        let enough = self.wait_for_answers(FULL_SPEED_ANSWERS, &step).await;
        step.finish(&self.progress_text(enough));
    }

    /// Injects the fault into all configurations at once.
    pub(crate) async fn inject(&mut self) -> anyhow::Result<()> {
        let fault = self.scenario.fault(&self.target);
        let step = ProgressStep::start(3, STEPS, &format!("fault: {fault}"));
        for configuration in &mut self.configurations {
            configuration.users.start_fault();
        }
        let all = self.configurations.iter();
        try_join_all(
            all.map(|configuration| configuration.inject(self.scenario, &self.target)),
        )
        .await?;
        self.configurations.iter_mut().for_each(RunningConfiguration::begin_step);
        step.finish("done in every configuration");
        Ok(())
    }

    /// Runs the users until they have recovered, or until the time limit.
    pub(crate) async fn observe(&mut self) {
        let step = ProgressStep::start(4, STEPS, "observing");
        let enough = self.wait_for_answers(OBSERVED_ANSWERS, &step).await;
        // A user without answers has not recovered, and the wait for it is over.
        let quiesced = enough
            && wait_until(|| {
                self.configurations.iter().all(RunningConfiguration::is_quiesced)
            })
            .await;
        join_all(
            self.configurations
                .iter_mut()
                .map(|configuration| configuration.users.stop()),
        )
        .await;
        step.finish(&self.progress_text(quiesced));
    }

    /// Makes the verification reads, counts, and judges.
    pub(crate) async fn compare(&self) -> anyhow::Result<Report> {
        let step = ProgressStep::start(
            5,
            STEPS,
            "verification reads of every acknowledged upload",
        );
        let reports = self
            .configurations
            .iter()
            .map(|configuration| configuration.report(&self.target));
        let configurations = try_join_all(reports).await?;
        let checks = checks(self.scenario, self.users, &configurations);
        let inconclusive_reasons = inconclusive_reasons(self.scenario, &configurations);
        let present: usize = configurations
            .iter()
            .map(|configuration| configuration.uploads_present)
            .sum();
        step.finish(&format!("{present} are present"));
        Ok(Report {
            scenario: self.scenario,
            seed: self.seed,
            target: self.target.clone(),
            users: self.users,
            outcome: outcome_of(&checks, &inconclusive_reasons),
            configurations,
            checks,
            inconclusive_reasons,
            seconds: self.started_at.elapsed().as_secs_f64(),
        })
    }

    /// Stops everything.
    pub(crate) async fn reset(self) {
        let step = ProgressStep::start(6, STEPS, "stopping everything");
        join_all(
            self.configurations.iter().map(|configuration| configuration.cluster.down()),
        )
        .await;
        step.update("removing the uploads");
        // Removes their folders with hundreds of files, which takes some seconds.
        drop(self);
        step.finish("nothing is left running");
    }

    /// Whether every user got this many answers before the time limit.
    async fn wait_for_answers(&mut self, answers: usize, step: &ProgressStep) -> bool {
        let enough = wait_until(|| {
            let had = self
                .configurations
                .iter()
                .map(RunningConfiguration::fewest_answers)
                .min();
            let had = had.unwrap_or(0).min(answers);
            step.update(&format!("{had} of {answers} answers for each user"));
            had >= answers
        });
        let enough = enough.await;
        self.configurations
            .iter_mut()
            .for_each(|configuration| configuration.end_step(answers));
        enough
    }

    /// The number of processes, and the services that were chosen for them.
    async fn startup_text(&self) -> String {
        let processes = self.configurations.len() * (REPLICAS + 1);
        for configuration in &self.configurations {
            if let Some(shared) = configuration.shared_services().await {
                return format!(
                    "{processes} servers; in {}: {shared}",
                    configuration.users.configuration.title()
                );
            }
        }
        format!("{processes} processes")
    }

    fn progress_text(&self, in_time: bool) -> String {
        let count =
            |configuration: &RunningConfiguration| configuration.users.request_count();
        let requests: usize = self.configurations.iter().map(count).sum();
        let cut_short = if in_time { "" } else { ", cut short" };
        format!("{} so far{cut_short}", counted(requests, "request"))
    }
}

/// Polls until the condition holds or [`STEP_TIMEOUT`] is over. Returns whether it holds.
async fn wait_until(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + STEP_TIMEOUT;
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

fn accounts(users: usize) -> Vec<LoginRequest> {
    let account = |number| LoginRequest {
        username: format!("user-{number}"),
        password: Secret::new(random_password()),
    };
    (1..=users).map(account).collect()
}
