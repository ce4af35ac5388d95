//! A demo with one user: several trials, and the checks that decide the outcome.

use crate::commands::program;
use crate::demo::{DemoArgs, DemoResult, predict};
use crate::screen::{coloured, columns, print_line, remark, wrapped};
use api_contract::LoginRequest;
use api_contract::secret::Secret;
use comfy_table::{Cell, Color};
use console::style;
use launcher::{Cluster, Design, Topology, Users};
use outcome::{Document, Outcome};
use report::table::terminal_table;
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
    /// The names of the columns.
    const COLUMNS: &'static [&'static str];

    /// The cells.
    fn row(&self) -> Vec<String>;

    /// The answer to the question of the demo: what a prediction is compared with.
    fn answer(&self) -> bool;
}

/// Predictions, one for each trial: yes, no or none.
#[derive(Debug, Default)]
pub(crate) struct TrialPredictions(Vec<Option<bool>>);

impl TrialPredictions {
    /// Asks for a prediction of each trial, if a person can answer.
    pub(crate) async fn ask(args: &DemoArgs, question: &str, names: &[&str]) -> Self {
        match args.asks() {
            true => Self(predict::ask_yes_or_no(question, names).await),
            false => Self::default(),
        }
    }

    /// The prediction for a trial, and whether it is right.
    fn cell(&self, trial: usize, answer: bool) -> Cell {
        let word = |yes| if yes { "yes" } else { "no" };
        match self.0.get(trial).copied().flatten() {
            None => Cell::new("-"),
            Some(own) if own == answer => {
                coloured(format!("✔ {}", word(own)), Color::Green)
            }
            Some(own) => coloured(format!("✘ {}", word(own)), Color::Red),
        }
    }
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

    /// Prints the report: one sentence for each lesson, then the table with the predictions
    /// and the outcome, which fit one screen.
    pub(crate) fn print(
        &self,
        args: &DemoArgs,
        lessons: &[&str],
        predictions: &TrialPredictions,
    ) -> DemoResult {
        if args.json {
            print_line(serde_json::to_string_pretty(&Document::new(
                SCHEMA,
                SCHEMA_VERSION,
                self,
            ))?);
            self.outcome_lines().into_iter().for_each(remark);
            return Ok(self.outcome);
        }
        print_line("\nWhy:");
        for lesson in lessons {
            print_line(wrapped(lesson, 2));
        }
        print_line(format!("\n{}\n", self.table(columns(), predictions)));
        for line in self.outcome_lines() {
            print_line(match self.outcome {
                Outcome::Pass => style(line).green(),
                Outcome::Inconclusive => style(line).yellow(),
                _ => style(line).red(),
            });
        }
        let Self { scenario, seed, seconds, .. } = self;
        print_line(format!(
            "Repeat it: cargo lab demo {scenario} --seed {seed}  ({seconds:.0} s)"
        ));
        Ok(self.outcome)
    }

    fn table(&self, width: usize, predictions: &TrialPredictions) -> String {
        let mut header = T::COLUMNS.to_vec();
        let asked = !predictions.0.is_empty();
        if asked {
            header.push("your prediction");
        }
        let rows = self.trials.iter().enumerate().map(|(number, trial)| {
            let mut cells: Vec<_> = trial.row().into_iter().map(Cell::new).collect();
            if asked {
                cells.push(predictions.cell(number, trial.answer()));
            }
            cells
        });
        terminal_table(width, &header, rows.collect()).to_string()
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
