//! A demo with one user: several trials, and the checks that decide the outcome.

use crate::commands::program;
use crate::demo::{DemoArgs, DemoResult};
use crate::screen::{print_line, remark, table, wrapped};
use api_contract::LoginRequest;
use api_contract::secret::Secret;
use cluster::{Cluster, Design, Topology, Users};
use outcome::{Document, Outcome};
use serde::Serialize;
use std::time::Instant;
use upload_domain::accounts::random_password;

/// The JSON document of a demo with one user, described in `docs/json.md`.
const SCHEMA: &str = "lab-demo-trials";

/// The version of [`SCHEMA`].
const SCHEMA_VERSION: u32 = 1;

/// One check of one trial, with the figure that decides it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TrialCheck {
    pub(crate) trial: &'static str,
    pub(crate) title: &'static str,
    pub(crate) expected: String,
    pub(crate) measured: String,
    pub(crate) holds: bool,
}

impl TrialCheck {
    /// A figure that must have one value.
    pub(crate) fn equal<T: ToString + PartialEq>(
        trial: &'static str,
        title: &'static str,
        (expected, measured): (&T, &T),
    ) -> Self {
        let holds = expected == measured;
        let (expected, measured) = (expected.to_string(), measured.to_string());
        Self { trial, title, expected, measured, holds }
    }
}

/// A row of the table.
pub(crate) trait Trial: Serialize {
    /// The names of the columns; the first is empty.
    const COLUMNS: &'static [&'static str];

    /// The cells.
    fn row(&self) -> Vec<String>;
}

/// The report of a run.
#[derive(Debug, Serialize)]
pub(crate) struct TrialReport<T> {
    pub(crate) scenario: &'static str,
    pub(crate) seed: u64,
    pub(crate) trials: Vec<T>,
    pub(crate) checks: Vec<TrialCheck>,
    /// Why the run is inconclusive.
    #[serde(rename = "doubts")]
    pub(crate) inconclusive_reasons: Vec<String>,
    pub(crate) outcome: Outcome,
    pub(crate) seconds: f64,
}

impl<T: Trial> TrialReport<T> {
    /// A report without results. [`TrialReport::with_results`] adds them.
    pub(crate) fn new(scenario: &'static str, seed: u64, began: Instant) -> Self {
        Self {
            scenario,
            seed,
            trials: Vec::new(),
            checks: Vec::new(),
            inconclusive_reasons: Vec::new(),
            outcome: Outcome::Inconclusive,
            seconds: began.elapsed().as_secs_f64(),
        }
    }

    /// Adds the results, and judges: one reason for doubt makes the run inconclusive.
    pub(crate) fn with_results(
        self,
        checks: Vec<TrialCheck>,
        inconclusive_reasons: Vec<String>,
        trials: Vec<T>,
    ) -> Self {
        let all_hold = checks.iter().all(|check| check.holds);
        let outcome = match (inconclusive_reasons.is_empty(), all_hold) {
            (false, _) => Outcome::Inconclusive,
            (true, true) => Outcome::Pass,
            (true, false) => Outcome::Fail,
        };
        Self { trials, checks, inconclusive_reasons, outcome, ..self }
    }

    /// Prints the report, with one sentence for each lesson.
    pub(crate) fn print(&self, args: &DemoArgs, lessons: &[&str]) -> DemoResult {
        if args.json {
            print_line(serde_json::to_string_pretty(&Document::new(
                SCHEMA,
                SCHEMA_VERSION,
                self,
            ))?);
            self.outcome_lines().into_iter().for_each(remark);
            return Ok(self.outcome);
        }
        let rows = self.trials.iter().map(Trial::row).collect();
        print_line(format!("\n{}\n", table(T::COLUMNS, rows)));
        print_line("Why:");
        for lesson in lessons {
            print_line(wrapped(lesson, 2));
        }
        print_line("");
        self.outcome_lines().into_iter().for_each(print_line);
        print_line(format!("seed {} ({:.0} s)", self.seed, self.seconds));
        Ok(self.outcome)
    }

    fn outcome_lines(&self) -> Vec<String> {
        if self.outcome == Outcome::Pass {
            let all = self.checks.len();
            return vec![format!("PASS: all {all} checks of the expected outcome hold.")];
        }
        let failed = self.checks.iter().filter(|check| !check.holds);
        let failed = failed.map(|one| {
            let TrialCheck { trial, title, expected, measured, .. } = one;
            format!("FAIL: {trial}: {title}: expected {expected}, measured {measured}")
        });
        let inconclusive_reasons =
            self.inconclusive_reasons.iter().map(|why| format!("INCONCLUSIVE: {why}"));
        let again = self.outcome == Outcome::Inconclusive;
        let again = again.then(|| "Run it again.".to_owned());
        failed.chain(inconclusive_reasons).chain(again).collect()
    }
}

/// A cluster with one user, alice.
pub(crate) async fn cluster_for_alice(
    design: Design,
    replicas: usize,
    replica_args: &[String],
) -> anyhow::Result<(Cluster, LoginRequest)> {
    let password = random_password();
    let cluster = Cluster::start(Topology {
        replicas,
        users: Users::WithPassword(Secret::new(password.clone())),
        replica_args: replica_args.iter().map(Into::into).collect(),
        ..Topology::on_loopback(program()?, design)
    })
    .await?;
    let password = Secret::new(password);
    Ok((cluster, LoginRequest { username: "alice".to_owned(), password }))
}
