//! Checks an exercise for its author. The starter must fail for the stated reason, the
//! solution must pass with every seed, each wrong answer must be caught and explained,
//! and the README must list the checks.

mod overlay;
mod sample_class;
mod structure;
mod transcripts;

pub use sample_class::rehearse;

use crate::check::Suite;
use crate::grade::{Assignment, grade};
use crate::home::Home;
use crate::manifest::Manifest;
use crate::record::{CheckRecord, Record, Status, Verdict};
use crate::sandboxed::SandboxProgram;
use anyhow::Context;
use overlay::Overlay;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use transcripts::ExpectedTranscript;

/// The seed of the expected transcripts.
const SEED: u64 = 1;

/// How an exercise is checked for its author.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Paths of the repository's exercises, solutions and wrong answers.
    pub home: Home,
    /// The sandbox that programs run in.
    pub sandbox: SandboxProgram,
    /// The first seed of the solution.
    pub seed: u64,
    /// Number of seeds that the solution has to pass with.
    pub repeat: u32,
    /// Whether a missing solution is an error. A students' copy may have no solutions.
    pub require_solutions: bool,
    /// Write the expected transcripts instead of comparing with them.
    pub record: bool,
}

/// `mistake.toml`: the failure that a wrong answer must cause.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    /// The first check that fails.
    fails: String,
    /// Part of that check's "expected" or "actual".
    because: String,
    /// Whether the failure differs from run to run, as a race does.
    #[serde(default)]
    varies: bool,
}

/// The result of one author's check.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The requirement that was checked.
    pub what: String,
    /// The problem; `None` if the requirement is met.
    pub wrong: Option<String>,
}

impl Finding {
    fn new(what: impl Into<String>, looked: anyhow::Result<()>) -> Self {
        let wrong = looked.err().map(|error| format!("{error:#}"));
        Self { what: what.into(), wrong }
    }
}

impl Proof {
    /// Runs all author's checks and reports each finding as soon as it is known. Returns
    /// whether all requirements are met.
    pub async fn of(
        &self,
        manifest: &Manifest,
        suite: Suite,
        report: impl Fn(&Finding),
    ) -> bool {
        let mut all_well = true;
        let mut found = |finding: Finding| {
            all_well &= finding.wrong.is_none();
            report(&finding);
        };
        for finding in structure::inspect(&self.home, manifest, suite) {
            found(finding);
        }
        let starter = self.starter(manifest, suite).await;
        found(Finding::new("the starter fails for the stated reason", starter));
        if self.home.solution(&manifest.id).is_dir() {
            let solved = self.solution(manifest, suite).await;
            found(Finding::new(
                format!("the solution passes with {} seeds", self.repeat),
                solved,
            ));
            for folder in folders(&self.home.wrong_answers(&manifest.id)) {
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                let caught = self.mistake(manifest, suite, &folder).await;
                found(Finding::new(format!("caught and explained: {name}"), caught));
            }
        } else if self.require_solutions {
            let missing =
                anyhow::anyhow!("labs/solutions/{} does not exist", manifest.id);
            found(Finding::new("the solution exists", Err(missing)));
        }
        all_well
    }

    async fn starter(&self, manifest: &Manifest, suite: Suite) -> anyhow::Result<()> {
        let work = self.home.exercises();
        let record = self.grade(manifest, suite, &work, SEED, 1).await;
        let stated = &manifest.starter;
        fails_as_stated(&record, &stated.fails, &stated.because).map(drop)
    }

    async fn solution(&self, manifest: &Manifest, suite: Suite) -> anyhow::Result<()> {
        let work = Overlay::new(&self.home, manifest)?;
        work.apply(&self.home.solution(&manifest.id))?;
        let record =
            self.grade(manifest, suite, work.folder(), self.seed, self.repeat).await;
        anyhow::ensure!(record.verdict == Verdict::Pass, "{}", summary(&record));
        Ok(())
    }

    async fn mistake(
        &self,
        manifest: &Manifest,
        suite: Suite,
        folder: &Path,
    ) -> anyhow::Result<()> {
        let stated = fs::read_to_string(folder.join("mistake.toml"));
        let stated = stated
            .context("mistake.toml must name the check that fails and the reason")?;
        let stated: Mistake = toml::from_str(&stated).context("mistake.toml")?;
        let says_why = !stated.because.trim().is_empty();
        anyhow::ensure!(says_why, "\"because\" is empty, so any failure would match");
        let work = Overlay::new(&self.home, manifest)?;
        work.apply(&self.home.solution(&manifest.id))?;
        work.apply(folder)?;
        let record = self.grade(manifest, suite, work.folder(), SEED, 1).await;
        let failed = fails_as_stated(&record, &stated.fails, &stated.because)?;
        let golden = ExpectedTranscript::of(failed, stated.varies);
        let file = folder.join("transcript.txt");
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
        let (home, sandbox) = (self.home.clone(), self.sandbox.clone());
        let (manifest, work) = (manifest.clone(), Some(work.to_owned()));
        let stops_early = true;
        grade(Assignment {
            home,
            manifest,
            suite,
            work,
            sandbox,
            seed,
            repeat,
            stops_early,
        })
        .await
    }
}

/// Returns the first failed check if its id and its reason are as stated.
fn fails_as_stated<'a>(
    record: &'a Record,
    fails: &str,
    because: &str,
) -> anyhow::Result<&'a CheckRecord> {
    anyhow::ensure!(record.verdict == Verdict::Fail, "{}", summary(record));
    let first = record.checks.iter().find(|check| check.status == Status::Fail);
    let first = first.context("no check failed")?;
    let says = first.expected.contains(because) || first.actual.contains(because);
    anyhow::ensure!(
        first.id == fails && says,
        "expected {fails} to fail with {because:?}; {}",
        summary(record)
    );
    Ok(first)
}

/// The outcome and the report, for the author.
fn summary(record: &Record) -> String {
    let shown = crate::format::terminal(record, crate::format::Colour::No);
    format!("got: {}\n{shown}", record.verdict)
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort_unstable();
    folders
}
