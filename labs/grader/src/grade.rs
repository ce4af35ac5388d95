//! Grades one exercise: prepares the build folder, builds the program, runs the checks
//! and returns the record.

use crate::assignment::Assignment;
use crate::build::{Builder, Built};
use crate::build_folder::{BuildFolder, BuildLock, Differences};
use crate::call::new_client;
use crate::manifest::{CheckEntry, Manifest};
use crate::program_file::ProgramFile;
use crate::record::{CheckRecord, NOT_STARTED, Outcome, Record, Status, outcome_of};
use crate::running::{Running, run_check};
use crate::work_location::Found;
use process::RunDir;
use report::statistics::whole_millis;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

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
    record.duration_ms = whole_millis(began.elapsed());
    record
}

/// Grades the work that was found. An unchanged exercise is not built and earns nothing.
pub async fn grade_found(mut assignment: Assignment, found: &Found) -> Record {
    assignment.work.clone_from(&found.work);
    let mut record =
        if found.untouched { not_started(&assignment) } else { grade(assignment).await };
    record.found(found);
    record
}

/// The record of an unchanged exercise. Changes of other files are listed.
fn not_started(assignment: &Assignment) -> Record {
    let Assignment { paths, manifest, work, .. } = assignment;
    let checks = not_run(assignment, NOT_STARTED);
    let differences = Differences::of(paths, manifest, work.as_deref());
    let remarks = differences.remarks(manifest);
    let restored = differences.restored;
    let outcome = Outcome::Fail;
    Record { outcome, checks, remarks, restored, ..unjudged(assignment) }
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
    let Assignment { paths, manifest, work, .. } = assignment;
    let build_lock = BuildLock::take(paths).await?;
    let run_dir = RunDir::create()?;
    let builder = Builder::new(assignment, &run_dir)?;
    builder.build_dependencies(&build_lock).await?;
    let build_folder =
        BuildFolder::prepare(paths, manifest, work.as_deref(), &build_lock)?;
    let differences = &build_folder.differences;
    record.restored.clone_from(&differences.restored);
    record.remarks.extend(differences.remarks(manifest));
    let built = if differences.missing.is_empty() {
        builder.build(&build_folder).await?
    } else {
        Built::Unusable(differences.missing.clone())
    };
    drop(build_lock);
    if let Built::Program(program) = built {
        let (http, program) = (new_client(), ProgramFile::new(program)?);
        let running = Running {
            assignment,
            program: &Arc::new(program),
            run_dir: &run_dir,
            http: &http,
        };
        record.checks = run_all(&running).await;
        withhold_points_of_the_starter(manifest, record);
    } else {
        explain(assignment, built, record);
    }
    Ok(())
}

/// Fills the record of a submission without a program. The first check has the reason.
fn explain(assignment: &Assignment, built: Built, record: &mut Record) {
    let [needs, expected, actual, help] = texts(&built);
    record.checks = not_run(assignment, needs);
    if let Some(first) = record.checks.first_mut() {
        first.status = match &built {
            Built::TimedOut(_) => Status::Inconclusive,
            _ => Status::Fail,
        };
        expected.clone_into(&mut first.expected);
        actual.clone_into(&mut first.actual);
        help.clone_into(&mut first.help);
    }
    record.message = match built {
        Built::CompileError(output) => format!("it does not compile:\n{output}"),
        Built::Unusable(files) => {
            format!("cannot be graded, not there: {}", files.join(", "))
        }
        Built::Foreign(why) | Built::TimedOut(why) => why,
        Built::Program(_) => String::new(),
    };
}

/// What the checks need, and the first check's expectation, observation and help.
const fn texts(built: &Built) -> [&'static str; 4] {
    match built {
        Built::CompileError(_) | Built::Program(_) => [
            "needs: a program that compiles",
            "a program that compiles",
            "the compiler refuses it (see above)",
            "read the first error first: the others may follow from it",
        ],
        Built::Foreign(_) => [
            "needs: a source without files from outside",
            "a source that reads only files of the exercise",
            "it reads something outside of the exercise (see above)",
            "copy what you need into your own file",
        ],
        Built::Unusable(_) => [
            "needs: a file to grade",
            "the files of the exercise, where its README names them",
            "a file cannot be graded (see above)",
            "hand in regular files with the names and folders of the original",
        ],
        Built::TimedOut(_) => [
            "needs: a program that compiles",
            "",
            "it was not built in time (see above)",
            "",
        ],
    }
}

/// Records of all checks when there is no program.
fn not_run(assignment: &Assignment, why: &str) -> Vec<CheckRecord> {
    let entries = assignment.manifest.checks.iter();
    let mut records: Vec<_> = entries.map(|check| assignment.blank(check)).collect();
    for record in &mut records {
        why.clone_into(&mut record.actual);
    }
    records
}

/// Checks that the unchanged exercise passes give points only beside another check:
/// otherwise a comment would earn them.
fn withhold_points_of_the_starter(manifest: &Manifest, record: &mut Record) {
    let is_earned = |check: &CheckRecord| {
        check.points > 0 && !manifest.starter.passes.contains(&check.id)
    };
    let checks = &record.checks;
    let all_pass = checks.iter().all(|check| check.status == Status::Pass);
    if all_pass || checks.iter().any(is_earned) {
        return;
    }
    let mut withheld = 0;
    for check in &mut record.checks {
        withheld += std::mem::take(&mut check.points);
    }
    if withheld > 0 {
        record
            .remarks
            .push("no points: the unchanged exercise passes the same checks".to_owned());
    }
}

fn skipped(running: &Running<'_>, entry: &CheckEntry, why: &str) -> CheckRecord {
    let mut record = running.assignment.blank(entry);
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

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
