//! Proof that an exercise works, for those who write it: its starter fails for the reason
//! that is stated, its solution passes whatever the seed, each mistake that was thought of
//! is caught and explained, and what the README promises is what is tested.

mod golden;
mod overlay;
mod rehearsal;
mod structure;

pub use rehearsal::rehearse;

use crate::caged::CageProgram;
use crate::check::Suite;
use crate::grade::{Assignment, grade};
use crate::home::Home;
use crate::manifest::Manifest;
use crate::record::{CheckRecord, Record, Status, Verdict};
use anyhow::Context;
use golden::Golden;
use overlay::Overlay;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// The seed of golden transcripts.
const SEED: u64 = 1;

/// How an exercise is to be proved.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The repository's own copies.
    pub home: Home,
    /// What programs run under.
    pub cage: CageProgram,
    /// The first seed of the solution.
    pub seed: u64,
    /// With how many seeds the solution has to pass.
    pub repeat: u32,
    /// Whether a missing solution is a fault; students may have none.
    pub require_solutions: bool,
    /// Writes the golden transcripts instead of comparing with them.
    pub record: bool,
}

/// What a mistake's folder says about it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    /// The check that catches it first.
    fails: String,
    /// Part of what that check says.
    because: String,
    /// Whether it shows differently each time, such as a race.
    #[serde(default)]
    varies: bool,
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// What is wrong; nothing if all is well.
    pub wrong: Option<String>,
}

impl Finding {
    fn new(what: impl Into<String>, looked: anyhow::Result<()>) -> Self {
        let wrong = looked.err().map(|error| format!("{error:#}"));
        Self { what: what.into(), wrong }
    }
}

impl Proof {
    /// Looks at everything, and tells of each finding at once.
    pub async fn of(
        &self,
        manifest: &Manifest,
        suite: Suite,
        tell: impl Fn(&Finding),
    ) -> bool {
        let mut all_well = true;
        let mut found = |finding: Finding| {
            all_well &= finding.wrong.is_none();
            tell(&finding);
        };
        for finding in structure::look(&self.home, manifest, suite) {
            found(finding);
        }
        let starter = self.starter(manifest, suite).await;
        found(Finding::new("the starter fails for the reason stated", starter));
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
            let missing = anyhow::anyhow!("labs/solutions/{} is not there", manifest.id);
            found(Finding::new("there is a solution", Err(missing)));
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
        work.lay(&self.home.solution(&manifest.id))?;
        let record =
            self.grade(manifest, suite, work.folder(), self.seed, self.repeat).await;
        anyhow::ensure!(record.verdict == Verdict::Pass, "{}", told(&record));
        Ok(())
    }

    async fn mistake(
        &self,
        manifest: &Manifest,
        suite: Suite,
        folder: &Path,
    ) -> anyhow::Result<()> {
        let stated = fs::read_to_string(folder.join("mistake.toml"));
        let stated = stated.context("mistake.toml says which check fails, and why")?;
        let stated: Mistake = toml::from_str(&stated).context("mistake.toml")?;
        let says_why = !stated.because.trim().is_empty();
        anyhow::ensure!(says_why, "\"because\" is empty, which any failure holds");
        let work = Overlay::new(&self.home, manifest)?;
        work.lay(&self.home.solution(&manifest.id))?;
        work.lay(folder)?;
        let record = self.grade(manifest, suite, work.folder(), SEED, 1).await;
        let failed = fails_as_stated(&record, &stated.fails, &stated.because)?;
        let golden = Golden::of(failed, stated.varies);
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
        let (home, cage) = (self.home.clone(), self.cage.clone());
        let (manifest, work) = (manifest.clone(), Some(work.to_owned()));
        let stops_early = true;
        grade(Assignment { home, manifest, suite, work, cage, seed, repeat, stops_early })
            .await
    }
}

/// The check that failed first, if it is the one that should, and says what it should.
fn fails_as_stated<'a>(
    record: &'a Record,
    fails: &str,
    because: &str,
) -> anyhow::Result<&'a CheckRecord> {
    anyhow::ensure!(record.verdict == Verdict::Fail, "{}", told(record));
    let first = record.checks.iter().find(|check| check.status == Status::Fail);
    let first = first.context("nothing failed")?;
    let says = first.expected.contains(because) || first.actual.contains(because);
    anyhow::ensure!(
        first.id == fails && says,
        "expected {fails} to fail and to say {because:?}; {}",
        told(record)
    );
    Ok(first)
}

/// What came of it, for an author.
fn told(record: &Record) -> String {
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
