//! Grading one exercise: lay it out, build it, run its checks, write the record.

use crate::build::{Built, build, build_foundation};
use crate::caged::CageProgram;
use crate::check::Suite;
use crate::client::new_client;
use crate::home::Home;
use crate::manifest::{CheckEntry, Manifest};
use crate::record::{CheckRecord, Record, Status, Verdict, verdict_of};
use crate::running::{Running, run_check};
use crate::scratch::{Scratch, Turn};
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What is to be graded, and how.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The repository's own copies.
    pub home: Home,
    /// The exercise.
    pub manifest: Manifest,
    /// Its checks.
    pub suite: Suite,
    /// The folder of exercises that holds the work; nothing if nothing was handed in.
    pub work: Option<PathBuf>,
    /// What the program runs under.
    pub cage: CageProgram,
    /// From which everything random comes.
    pub seed: u64,
    /// How often every check is run, each time with the next seed.
    pub repeat: u32,
    /// Whether checks after the first that fails are left out.
    pub stops_early: bool,
}

/// Grades it. A lab that breaks is a verdict too, so this has no error.
pub async fn grade(assignment: Assignment) -> Record {
    let began = Instant::now();
    let mut record = unjudged(&assignment);
    if let Err(error) = fill(&assignment, &mut record).await {
        record.message = format!("the lab itself broke: {error:#}");
        record.checks.clear();
    } else {
        record.verdict = verdict_of(&record.checks);
    }
    record.add_up();
    record.duration_ms = millis(began);
    record
}

/// The record of a grading that came to nothing.
pub(crate) fn unjudged(assignment: &Assignment) -> Record {
    Record {
        exercise: assignment.manifest.id.clone(),
        title: assignment.manifest.title.clone(),
        submission: None,
        seed: assignment.seed,
        started_at: now(),
        duration_ms: 0,
        verdict: Verdict::HarnessError,
        points: 0,
        max_points: assignment.manifest.max_points(),
        restored: Vec::new(),
        remarks: Vec::new(),
        message: String::new(),
        checks: Vec::new(),
    }
}

async fn fill(assignment: &Assignment, record: &mut Record) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("cannot make a folder for the program")?;
    let home = assignment.home.clone();
    // It waits for its turn with a file's lock, which blocks.
    let turn = tokio::task::spawn_blocking(move || Turn::take(&home));
    let turn = turn.await.context("the wait for a turn broke")??;
    let Assignment { home, manifest, cage, work, .. } = assignment;
    build_foundation(home, cage, manifest, &turn).await?;
    let scratch = Scratch::lay_out(home, manifest, work.as_deref(), &turn)?;
    record.restored.clone_from(&scratch.restored);
    let built = build(home, cage, manifest, &scratch, folder.path()).await?;
    drop(turn);
    match built {
        Built::Refused(said) => {
            record.message = format!("it does not compile:\n{said}");
            record.checks = not_run(assignment, does_not_compile);
        }
        Built::Slow(why) => {
            record.checks = not_run(assignment, |first| {
                first.status = Status::Inconclusive;
                first.actual = "it was not built in time (see above)".to_owned();
            });
            record.message = why;
        }
        Built::Program(program) => {
            let http = new_client()?;
            let running = Running { assignment, program: &program, http: &http };
            record.checks = run_all(&running).await;
        }
    }
    Ok(())
}

/// All checks of a program that does not exist; what the first one says, says everything.
fn not_run(
    assignment: &Assignment,
    tell: impl FnOnce(&mut CheckRecord),
) -> Vec<CheckRecord> {
    let entries = assignment.manifest.checks.iter();
    let mut records: Vec<_> = entries.map(|check| blank(assignment, check)).collect();
    for record in &mut records {
        "needs: a program that compiles".clone_into(&mut record.actual);
    }
    if let Some(first) = records.first_mut() {
        tell(first);
    }
    records
}

fn does_not_compile(first: &mut CheckRecord) {
    first.status = Status::Fail;
    first.expected = "a program that compiles".to_owned();
    first.actual = "the compiler refuses it (see above)".to_owned();
    first.help = "read the first error first: the others may follow from it".to_owned();
}

/// A check that was not run.
pub(crate) fn blank(assignment: &Assignment, check: &CheckEntry) -> CheckRecord {
    let Manifest { id, editable, .. } = &assignment.manifest;
    CheckRecord {
        id: check.id.clone(),
        title: check.title.clone(),
        task: check.task,
        status: Status::Skipped,
        points: 0,
        max_points: check.points,
        expected: String::new(),
        actual: String::new(),
        help: String::new(),
        transcript: Vec::new(),
        log: String::new(),
        seed: assignment.seed,
        rerun: String::new(),
        duration_ms: 0,
        requests: 0,
        p99_ms: 0.0,
        quiet: check.quiet,
        file: format!("{id}/{}", editable[0]),
    }
}

fn skipped(running: &Running<'_>, entry: &CheckEntry, why: &str) -> CheckRecord {
    let mut record = blank(running.assignment, entry);
    why.clone_into(&mut record.actual);
    record
}

/// Quiet checks come last, whatever the manifest says.
async fn run_all(running: &Running<'_>) -> Vec<CheckRecord> {
    let entries = &running.assignment.manifest.checks;
    let (quiet, open): (Vec<_>, Vec<_>) = entries.iter().partition(|check| check.quiet);
    let mut done: BTreeMap<&str, CheckRecord> = BTreeMap::new();
    for entry in open.into_iter().chain(quiet) {
        let holds = |need: &&String| {
            done.get(need.as_str()).is_some_and(|check| check.status == Status::Pass)
        };
        let lacking: Vec<_> = entry.needs.iter().filter(|need| !holds(need)).collect();
        let failed = done.values().any(|check| check.status == Status::Fail);
        let enough = running.assignment.stops_early && failed;
        let record = match lacking.first() {
            None if !enough => run_check(running, entry).await,
            None => skipped(running, entry, "not run"),
            Some(need) => {
                let needed = entries.iter().find(|check| check.id == **need);
                let title = needed.map_or(need.as_str(), |check| check.title.as_str());
                skipped(running, entry, &format!("needs: {title}"))
            }
        };
        done.insert(&entry.id, record);
    }
    entries.iter().filter_map(|entry| done.remove(entry.id.as_str())).collect()
}

/// Milliseconds since then.
pub(crate) fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
