//! The author's check of an exercise: the starter fails for the stated reason, the solution
//! passes with every seed, each wrong answer fails as expected, and the README lists the
//! checks.

mod overlay;
mod patch;
mod rebase;
mod sample_class;
mod structure;
mod transcripts;
mod wrong_answer;

pub use sample_class::make_sample_class;
pub use wrong_answer::WrongAnswer;

use crate::assignment::Assignment;
use crate::check::Suite;
use crate::grade::grade;
use crate::manifest::Manifest;
use crate::paths::LabPaths;
use crate::record::{CheckRecord, Outcome, Record, Status};
use anyhow::Context;
use overlay::{Overlay, copy};
use process::Program;
use std::collections::BTreeSet;
use std::path::Path;
use transcripts::GoldenTranscript;

/// The seed of golden transcripts.
const GOLDEN_SEED: u64 = 1;

/// The settings of the author's check.
#[derive(Clone, Debug)]
pub struct AuthorCheck {
    /// The repository's own copies of exercises, solutions and wrong answers.
    pub paths: LabPaths,
    /// The sandbox in which programs run.
    pub sandbox: Program,
    /// The first seed of the solution.
    pub seed: u64,
    /// The number of seeds with which the solution has to pass.
    pub repeat: u32,
    /// Whether a missing solution is a failure. Students may have none.
    pub require_solutions: bool,
    /// Writes the golden transcripts instead of comparing with them.
    pub record: bool,
}

/// One checked property of an exercise.
#[derive(Clone, Debug)]
pub struct AuthorCheckResult {
    /// The property.
    pub property: String,
    /// Why the property does not hold; `None` if it holds.
    pub failure: Option<String>,
}

impl AuthorCheckResult {
    fn new(property: &str, result: anyhow::Result<()>) -> Self {
        let failure = result.err().map(|error| format!("{error:#}"));
        Self { property: property.to_owned(), failure }
    }
}

impl AuthorCheck {
    /// Checks one exercise, and reports each result at once. Returns whether all hold.
    pub async fn run(
        &self,
        manifest: &Manifest,
        suite: Suite,
        report: impl Fn(&AuthorCheckResult),
    ) -> bool {
        let mut all_hold = true;
        let mut add = |result: AuthorCheckResult| {
            all_hold &= result.failure.is_none();
            report(&result);
        };
        for result in structure::check(&self.paths, manifest, suite) {
            add(result);
        }
        let starter = self.starter(manifest, suite).await;
        add(AuthorCheckResult::new("the starter fails for the stated reason", starter));
        if self.paths.solution(&manifest.id).is_dir() {
            let solution = self.solution(manifest, suite).await;
            let property = format!("the solution passes ({})", seeds(self.repeat));
            add(AuthorCheckResult::new(&property, solution));
            for answer in WrongAnswer::all(&self.paths, &manifest.id) {
                let result = self.wrong_answer(manifest, suite, &answer).await;
                let property = format!("wrong answer fails as expected: {}", answer.name);
                add(AuthorCheckResult::new(&property, result));
            }
        } else if self.require_solutions {
            let missing =
                anyhow::anyhow!("labs/solutions/{} does not exist", manifest.id);
            add(AuthorCheckResult::new("the solution exists", Err(missing)));
        }
        all_hold
    }

    async fn starter(&self, manifest: &Manifest, suite: Suite) -> anyhow::Result<()> {
        let work = self.paths.exercises();
        let mut assignment = self.assignment(manifest, suite, &work, GOLDEN_SEED, 1);
        assignment.stops_early = false;
        let record = grade(assignment).await;
        let stated = &manifest.starter;
        expected_failure(&record, &stated.fails, &stated.because)?;
        let passed = record
            .checks
            .iter()
            .filter(|check| check.status == Status::Pass && check.max_points > 0);
        let passed: BTreeSet<_> = passed.map(|check| &check.id).collect();
        anyhow::ensure!(
            passed == stated.passes.iter().collect(),
            "it passes {passed:?}: list them as \"passes\", so that they earn nothing alone"
        );
        Ok(())
    }

    async fn solution(&self, manifest: &Manifest, suite: Suite) -> anyhow::Result<()> {
        let work = Overlay::new(&self.paths, manifest)?;
        copy(&self.paths.solution(&manifest.id), &work.exercise())?;
        let record =
            self.grade(manifest, suite, work.folder(), self.seed, self.repeat).await;
        anyhow::ensure!(record.outcome == Outcome::Pass, "{}", summary(&record));
        Ok(())
    }

    async fn wrong_answer(
        &self,
        manifest: &Manifest,
        suite: Suite,
        answer: &WrongAnswer,
    ) -> anyhow::Result<()> {
        let expected = answer.expected_failure()?;
        let work = Overlay::new(&self.paths, manifest)?;
        answer.export(&work.exercise())?;
        let record = self.grade(manifest, suite, work.folder(), GOLDEN_SEED, 1).await;
        let failed = expected_failure(&record, &expected.fails, &expected.because)?;
        let golden = GoldenTranscript::of(failed, expected.varies);
        let file = answer.transcript();
        if self.record { golden.write(&file) } else { golden.compare(&file) }
    }

    async fn grade(
        &self,
        manifest: &Manifest,
        suite: Suite,
        work: &Path,
        seed: u64,
        repeat: u32,
    ) -> Record {
        grade(self.assignment(manifest, suite, work, seed, repeat)).await
    }

    fn assignment(
        &self,
        manifest: &Manifest,
        suite: Suite,
        work: &Path,
        seed: u64,
        repeat: u32,
    ) -> Assignment {
        Assignment {
            paths: self.paths.clone(),
            manifest: manifest.clone(),
            suite,
            work: Some(work.to_owned()),
            sandbox: self.sandbox.clone(),
            seed,
            repeat,
            stops_early: true,
        }
    }
}

/// The check that failed first, if it is the expected one and reports the expected reason.
fn expected_failure<'a>(
    record: &'a Record,
    fails: &str,
    because: &str,
) -> anyhow::Result<&'a CheckRecord> {
    anyhow::ensure!(record.outcome == Outcome::Fail, "{}", summary(record));
    let first = record.checks.iter().find(|check| check.status == Status::Fail);
    let first = first.context("no check failed")?;
    let has_reason = first.expected.contains(because) || first.actual.contains(because);
    anyhow::ensure!(
        first.id == fails && has_reason,
        "{fails} should fail with {because:?}; {}",
        summary(record)
    );
    Ok(first)
}

/// The outcome of grading, for an author.
fn summary(record: &Record) -> String {
    let shown = crate::format::terminal(record, crate::format::Colour::No);
    format!("got: {}\n{shown}", record.outcome)
}

fn seeds(count: u32) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} seed{plural}")
}
