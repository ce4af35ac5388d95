//! The result of a grading: one record, from which every format is rendered.

use crate::place::Found;
use serde::{Deserialize, Serialize};

/// The JSON document of a grading: `records`, a list of [`Record`].
pub const SCHEMA: &str = "lab-grade";

/// The version of [`SCHEMA`].
pub const VERSION: u32 = 2;

/// What became of one exercise.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Record {
    /// The exercise's id.
    pub exercise: String,
    /// Its title.
    pub title: String,
    /// Whose work it is, when a class is graded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submission: Option<String>,
    /// The seed from which everything random came.
    pub seed: u64,
    /// When it began, in seconds since 1970 (UTC).
    pub started_at: u64,
    /// How long it took.
    pub duration_ms: u64,
    /// The verdict.
    #[serde(rename = "outcome")]
    pub verdict: Verdict,
    /// The sum of the checks' points.
    pub points: u32,
    /// The sum of what they are worth.
    pub max_points: u32,
    /// Files that are not the reader's and were not as they are handed out.
    pub restored: Vec<String>,
    /// What else there is to know about what was handed in, such as a second place with
    /// other work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// What there is to say about the whole, such as the compiler's errors.
    pub message: String,
    /// The checks, in the order of the manifest.
    pub checks: Vec<CheckRecord>,
}

/// What became of one check.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CheckRecord {
    /// Its id.
    pub id: String,
    /// What it shows, as a sentence.
    pub title: String,
    /// The number of the task it belongs to, from 1.
    pub task: usize,
    /// What became of it.
    pub status: Status,
    /// What it earned.
    pub points: u32,
    /// What it is worth.
    pub max_points: u32,
    /// What the exercise asks for, when it failed.
    pub expected: String,
    /// What came instead; or why nothing can be said, or why it was skipped.
    pub actual: String,
    /// Where to think on.
    pub help: String,
    /// What was done, in lines that a person can replay.
    pub transcript: Vec<String>,
    /// The end of what the program wrote. Not to be trusted.
    pub log: String,
    /// The seed of this run of it.
    pub seed: u64,
    /// The command that does the same again.
    pub rerun: String,
    /// How long it took, all repeats together.
    pub duration_ms: u64,
    /// Requests that were sent, all repeats together.
    pub requests: usize,
    /// The slowest percent of the requests took at least this long.
    pub p99_ms: f64,
    /// Not announced, and not shown when it passes.
    pub quiet: bool,
    /// The reader's file, for whoever shows results beside code: from the top of what was
    /// handed in.
    pub file: String,
}

/// What became of a check.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It holds, in every repeat.
    Pass,
    /// It does not hold.
    Fail,
    /// It says nothing, because something it needs does not hold.
    Skipped,
    /// The run shows neither that it holds nor that it does not.
    Inconclusive,
    /// The lab itself broke.
    Error,
}

/// The verdict on an exercise.
pub use outcome::Outcome as Verdict;

/// The verdict on all checks together. A harness error takes precedence, because then even
/// the points say nothing. No check at all is inconclusive.
#[must_use]
pub fn verdict_of(checks: &[CheckRecord]) -> Verdict {
    let outcome = |check: &CheckRecord| match check.status {
        Status::Pass => Verdict::Pass,
        Status::Fail => Verdict::Fail,
        Status::Inconclusive | Status::Skipped => Verdict::Inconclusive,
        Status::Error => Verdict::HarnessError,
    };
    Verdict::of(checks.iter().map(outcome))
}

impl Record {
    /// Adds the points of the checks up, and remarks which conditions without points are
    /// not met: in a table nothing else tells full points from a pass.
    pub fn add_up(&mut self) {
        self.points = self.checks.iter().map(|check| check.points).sum();
        let unpaid = self.checks.iter().filter(|check| check.max_points == 0);
        let unmet = unpaid.filter(|check| check.status == Status::Fail);
        let remark =
            |check: &CheckRecord| format!("not met, without points: {}", check.title);
        self.remarks.extend(unmet.map(remark));
    }

    /// Says where the work was found. Whoever shows results beside code looks for it from
    /// the top of what was handed in.
    pub fn found(&mut self, found: &Found) {
        self.remarks.extend_from_slice(&found.remarks);
        for check in self.checks.iter_mut().filter(|_| !found.place.is_empty()) {
            check.file = format!("{}/{}", found.place, check.file);
        }
    }

    /// The checks that anybody should see: quiet ones only if they found something.
    pub fn shown(&self) -> impl Iterator<Item = &CheckRecord> {
        let silent = |check: &&CheckRecord| {
            check.quiet && matches!(check.status, Status::Pass | Status::Skipped)
        };
        self.checks.iter().filter(move |check| !silent(check))
    }
}
