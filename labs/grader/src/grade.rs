//! Grades one exercise: prepares the build folder, builds the program, runs the checks
//! and returns the record.

use crate::build::{Built, build, build_dependencies};
use crate::build_folder::{BuildFolder, BuildLock};
use crate::check::Suite;
use crate::client::new_client;
use crate::manifest::{CheckEntry, Manifest};
use crate::paths::LabPaths;
use crate::record::{CheckRecord, Outcome, Record, Status, outcome_of};
use crate::running::{Running, run_check};
use crate::sandboxed::SandboxProgram;
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// One grading: the work, the checks and the settings.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Paths of the repository's own copies.
    pub paths: LabPaths,
    /// The exercise.
    pub manifest: Manifest,
    /// Its checks.
    pub suite: Suite,
    /// The folder of exercises that contains the work; `None` if there is no submission.
    pub work: Option<PathBuf>,
    /// The sandbox that the program runs in.
    pub sandbox: SandboxProgram,
    /// Seed of all random values.
    pub seed: u64,
    /// Number of runs of each check. Each run uses the next seed.
    pub repeat: u32,
    /// Whether to stop at the first failed check.
    pub stops_early: bool,
}

/// Grades the work. A harness error is a result too, so this function returns no error.
pub async fn grade(assignment: Assignment) -> Record {
    let began = Instant::now();
    let mut record = unjudged(&assignment);
    if let Err(error) = fill(&assignment, &mut record).await {
        record.message = format!("harness error: {error:#}");
        record.checks.clear();
    } else {
        record.outcome = outcome_of(&record.checks);
    }
    record.add_up();
    record.duration_ms = millis(began);
    record
}

/// A record without results.
pub(crate) fn unjudged(assignment: &Assignment) -> Record {
    Record {
        exercise: assignment.manifest.id.clone(),
        title: assignment.manifest.title.clone(),
        submission: None,
        seed: assignment.seed,
        started_at: now(),
        duration_ms: 0,
        outcome: Outcome::HarnessError,
        points: 0,
        max_points: assignment.manifest.max_points(),
        restored: Vec::new(),
        remarks: Vec::new(),
        message: String::new(),
        checks: Vec::new(),
    }
}

async fn fill(assignment: &Assignment, record: &mut Record) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("cannot create a folder for the program")?;
    let paths = assignment.paths.clone();
    // Acquiring the file lock blocks the thread.
    let build_lock = tokio::task::spawn_blocking(move || BuildLock::take(&paths));
    let build_lock =
        build_lock.await.context("the task that waits for the build lock failed")??;
    let Assignment { paths, manifest, sandbox, work, .. } = assignment;
    build_dependencies(paths, sandbox, manifest, &build_lock).await?;
    let build_folder =
        BuildFolder::prepare(paths, manifest, work.as_deref(), &build_lock)?;
    record.restored.clone_from(&build_folder.restored);
    let built = build(paths, sandbox, manifest, &build_folder, folder.path()).await?;
    drop(build_lock);
    match built {
        Built::CompileError(output) => {
            record.message = format!("it does not compile:\n{output}");
            record.checks = not_run(assignment, does_not_compile);
        }
        Built::TimedOut(why) => {
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

/// Records of all checks when there is no program. The first record has the explanation.
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

/// The record of a check that has not run.
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

/// Runs all checks. Quiet checks run last, whatever their position in the manifest.
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

/// Milliseconds since `began`.
pub(crate) fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
