//! The result of a grading. Every format is rendered from this record.

use crate::renamed::exercise_folder;
use crate::work_location::Found;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The JSON document of a grading: `records`, a list of [`Record`].
pub const SCHEMA: &str = "lab-grade";

/// The version of [`SCHEMA`].
pub const VERSION: u32 = 2;

/// Why no check of an unchanged exercise has a result.
pub(crate) const NOT_STARTED: &str = "not started: the exercise is unchanged";

/// The result of one exercise.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Record {
    /// The exercise's id.
    pub exercise: String,
    /// Its title.
    pub title: String,
    /// Name of the submission, when a class is graded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submission: Option<String>,
    /// Seed of all random values.
    pub seed: u64,
    /// Start time, in seconds since 1970 (UTC).
    pub started_at: u64,
    /// Duration, in milliseconds.
    pub duration_ms: u64,
    /// The outcome.
    pub outcome: Outcome,
    /// Sum of the points earned.
    pub points: u32,
    /// Sum of the points of all checks.
    pub max_points: u32,
    /// Non-editable files that differed from the original and were replaced by it.
    pub restored: Vec<String>,
    /// Remarks on the submission, such as a second folder with different work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// A message about the whole run, such as the compiler's errors.
    pub message: String,
    /// The checks, in the order of the manifest.
    pub checks: Vec<CheckRecord>,
}

/// The result of one check.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CheckRecord {
    /// Its id.
    pub id: String,
    /// What the check verifies, as a sentence.
    pub title: String,
    /// The number of the task it belongs to, from 1.
    pub task: usize,
    /// Its status.
    pub status: Status,
    /// Points earned.
    pub points: u32,
    /// Maximum points.
    pub max_points: u32,
    /// The expectation, if it failed.
    pub expected: String,
    /// The observation, if it failed; otherwise why it is inconclusive or was skipped.
    pub actual: String,
    /// Help towards the cause, without the solution.
    pub help: String,
    /// Requests, replies and faults, in lines that can be repeated by hand.
    pub transcript: Vec<String>,
    /// The end of the program's log. Untrusted.
    pub log: String,
    /// Seed of the last run.
    pub seed: u64,
    /// Command that repeats this run.
    pub rerun: String,
    /// Duration of all runs, in milliseconds.
    pub duration_ms: u64,
    /// Number of requests in all runs.
    pub requests: usize,
    /// 99th percentile of the request durations, in milliseconds.
    pub p99_ms: f64,
    /// Not listed in the README, and not shown when it passes.
    pub quiet: bool,
    /// The student's file that annotations refer to, relative to the submission.
    pub file: String,
}

/// Status of a check.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It passed in every run.
    Pass,
    /// It failed.
    Fail,
    /// It did not run, because a check that it needs did not pass.
    Skipped,
    /// The run gave no result, for example because the machine was too busy.
    Inconclusive,
    /// The harness failed.
    Error,
}

/// The outcome of an exercise.
pub use outcome::Outcome;

/// Combines the status of all checks. A harness error takes precedence, because it makes
/// the points meaningless. Without any check the outcome is inconclusive.
#[must_use]
pub fn outcome_of(checks: &[CheckRecord]) -> Outcome {
    let outcome = |check: &CheckRecord| match check.status {
        Status::Pass => Outcome::Pass,
        Status::Fail => Outcome::Fail,
        Status::Inconclusive | Status::Skipped => Outcome::Inconclusive,
        Status::Error => Outcome::HarnessError,
    };
    Outcome::of(checks.iter().map(outcome))
}

impl Record {
    /// Adds up the points, and adds a remark for each failed check without points:
    /// otherwise a table could not explain full points without a pass.
    pub fn add_up(&mut self) {
        self.points = self.checks.iter().map(|check| check.points).sum();
        let unpaid = self.checks.iter().filter(|check| check.max_points == 0);
        let unmet = unpaid.filter(|check| check.status == Status::Fail);
        let remark =
            |check: &CheckRecord| format!("not met, without points: {}", check.title);
        self.remarks.extend(unmet.map(remark));
    }

    /// Adds the location of the work: its remarks, and its folder to the paths of the
    /// annotated files.
    pub fn found(&mut self, found: &Found) {
        self.remarks.extend_from_slice(&found.remarks);
        let Some(work) = &found.work else { return };
        let folder = exercise_folder(work, &self.exercise);
        let folder = Path::new(found.place).join(folder.file_name().unwrap_or_default());
        for check in &mut self.checks {
            let file = check.file.trim_start_matches(&self.exercise);
            check.file = format!("{}{file}", folder.display());
        }
    }

    /// Whether the exercise is unchanged, so that nothing was graded.
    #[must_use]
    pub fn is_not_started(&self) -> bool {
        let none = |check: &CheckRecord| {
            check.status == Status::Skipped && check.actual == NOT_STARTED
        };
        !self.checks.is_empty() && self.checks.iter().all(none)
    }

    /// The checks to show: quiet ones only if they did not pass.
    pub fn shown(&self) -> impl Iterator<Item = &CheckRecord> {
        let silent = |check: &&CheckRecord| {
            check.quiet && matches!(check.status, Status::Pass | Status::Skipped)
        };
        self.checks.iter().filter(move |check| !silent(check))
    }
}
