//! `lab grade`: grades the work of one student or of a class, in several formats.

pub(crate) mod shown;

use super::exercise::{self, FolderArgs, Workspace};
use super::usage;
use crate::screen::remark;
use anyhow::{Context, anyhow};
use clap::ValueEnum;
use clap::builder::{OsStringValueParser, TypedValueParser};
use grader::class::{csv, grade_all, not_folders, submissions};
use grader::work_location::find;
use grader::{Assignment, LabPaths, Manifest, Record};
use outcome::{Outcome, file};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Grade exercises of one student or of a class
///
/// Runs every check with several seeds.
///
/// Exit codes: 0 pass, 1 fail, 2 usage error, 3 the lab itself broke, 4 inconclusive.
#[derive(clap::Args, Debug)]
pub(crate) struct GradeArgs {
    /// Exercise, such as p1-01 [default: all]
    #[arg(value_name = "ID")]
    id: Option<String>,

    #[command(flatten)]
    place: FolderArgs,

    /// Grade a class: a folder with one folder for each submission
    #[arg(long, value_name = "DIR", conflicts_with = "folder")]
    submissions: Option<PathBuf>,

    /// Submissions at the same time [default: two for each processor]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// Write a table for a spreadsheet. With a class it is updated after each result
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Format of the result
    #[arg(long, value_enum, default_value_t = Form::Terminal)]
    format: Form,

    /// Same as --format json: docs/json.md
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Write the result to a file, and the terminal format to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Seed, to repeat a run [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Runs of each check, each with the next seed
    #[arg(long, value_name = "N")]
    repeat: Option<u32>,

    #[command(flatten)]
    runner: Runner,
}

/// Settings that CI runners give in the environment.
#[derive(clap::Args, Debug)]
struct Runner {
    #[arg(long, env = "GITHUB_STEP_SUMMARY", hide = true, value_parser = path())]
    summary: Option<PathBuf>,
    #[arg(long, env = "CLASSROOM", default_value = "", hide = true, value_parser = text())]
    classroom: String,
    #[arg(long, env = "ASSIGNMENT", default_value = "", hide = true, value_parser = text())]
    assignment: String,
    #[arg(long, env = "SUBMISSION_TAG", default_value = "", hide = true, value_parser = text())]
    tag: String,
    #[arg(long, env = "COMMIT_URL", default_value = "", hide = true, value_parser = text())]
    commit: String,
    #[arg(long, env = "RELEASE_URL", default_value = "", hide = true, value_parser = text())]
    release: String,
    #[arg(long, env = "REVIEW_URL", default_value = "", hide = true, value_parser = text())]
    review: String,
}

/// A path from the environment. Clap's own parser refuses an empty one, and with it every
/// grading.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Text from the environment, in which bytes that are no text are replaced.
fn text() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|text| text.to_string_lossy().into_owned())
}

/// The formats of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Text for a terminal
    Terminal,
    /// JSON with every detail: lab-grade in docs/json.md
    Json,
    /// Classroom 50: result.json
    Classroom50,
    /// Gradescope: results.json
    Gradescope,
    /// Exercism: results.json, version 3
    Exercism,
    /// JUnit XML, as GitLab reads it
    Junit,
    /// GitHub Actions: annotations and a job summary
    Github,
}

impl Form {
    /// Whether a learning platform reads it. Such a format holds one exercise.
    const fn is_for_marks(self) -> bool {
        matches!(self, Self::Classroom50 | Self::Gradescope | Self::Exercism)
    }
}

pub(crate) async fn run(args: GradeArgs) -> ExitCode {
    super::judged(graded(&args).await)
}

async fn graded(args: &GradeArgs) -> anyhow::Result<Outcome> {
    let form = if args.json { Form::Json } else { args.format };
    // Before everything that can fail: no error may leave an old result.
    prepare_files(args)?;
    let paths = LabPaths::here()?;
    let wanted = wanted(args, form, &paths)?;
    let records = match &args.submissions {
        Some(class) => of_class(args, &paths, &wanted, class).await?,
        None => of_one(args, &paths, &wanted).await?,
    };
    // The result is shown even if the table cannot be written.
    let kept = keep(args, &records);
    shown::show(args, form, &records)?;
    kept?;
    Ok(worst(args, &records))
}

/// The worst outcome. A student does the exercises one after the other: if all are graded,
/// one that has not been started counts only if no other has.
fn worst(args: &GradeArgs, records: &[Record]) -> Outcome {
    let all_of_one = args.id.is_none() && args.submissions.is_none();
    let counts = |record: &&Record| !(all_of_one && record.is_not_started());
    let worst = records.iter().filter(counts).map(|record| record.outcome).max();
    let any = records.iter().map(|record| record.outcome).max();
    worst.or(any).unwrap_or(Outcome::HarnessError)
}

/// Notices an unwritable file before the grading, and removes an old result. The new one
/// may never be written, and a student can have committed a file with full points.
fn prepare_files(args: &GradeArgs) -> anyhow::Result<()> {
    let cannot = |path: &Path| format!("cannot write {}", path.display());
    if let Some(path) = &args.out {
        let prepared = file::check(path).and_then(|()| file::clear(path));
        prepared.with_context(|| cannot(path))?;
    }
    if let Some(path) = &args.csv {
        file::check(path).with_context(|| cannot(path))?;
    }
    Ok(())
}

/// Writes the table, if `--csv` is given.
fn keep<'a>(
    args: &GradeArgs,
    records: impl IntoIterator<Item = &'a Record>,
) -> anyhow::Result<()> {
    args.csv.as_ref().map_or(Ok(()), |file| shown::write(file, &csv(records)))
}

/// The exercises to grade. Errors of usage are found here, before the grading starts.
fn wanted(
    args: &GradeArgs,
    form: Form,
    paths: &LabPaths,
) -> anyhow::Result<Vec<Manifest>> {
    if form.is_for_marks() && args.submissions.is_some() {
        return Err(usage(anyhow!(shown::ONLY_ONE)));
    }
    match &args.id {
        Some(id) => Ok(vec![paths.manifest(&paths.id_of(id).map_err(usage)?)?]),
        None if form.is_for_marks() => Err(usage(anyhow!(shown::ONLY_ONE))),
        None => paths.all(),
    }
}

fn assignment(
    args: &GradeArgs,
    paths: &LabPaths,
    manifest: &Manifest,
    work: Option<PathBuf>,
) -> anyhow::Result<Assignment> {
    let mut assignment = exercise::assignment(paths, manifest, work)?;
    assignment.seed = args.seed.unwrap_or(assignment.seed);
    assignment.repeat = args.repeat.unwrap_or(manifest.repeat);
    Ok(assignment)
}

async fn of_one(
    args: &GradeArgs,
    paths: &LabPaths,
    wanted: &[Manifest],
) -> anyhow::Result<Vec<Record>> {
    let (top, mut records) = (args.place.to_grade(paths)?, Vec::new());
    for manifest in wanted {
        let mut found = find(&top, paths, manifest);
        if args.id.is_none() && found.work.is_none() {
            found.untouched = true;
            found.remarks.push("there is no folder of this exercise".to_owned());
        }
        let assignment = assignment(args, paths, manifest, found.work.clone())?;
        let record = grader::grade_found(assignment, &found).await;
        if let Some(work) = found.work {
            note(Workspace::at(paths.clone(), work), &record);
        }
        records.push(record);
    }
    Ok(records)
}

/// Records the progress, because grading is stricter than `lab run`. A folder that cannot
/// be written is graded all the same.
fn note(mut workspace: Workspace, record: &Record) {
    if workspace.is_the_original() {
        return;
    }
    if let Err(error) = workspace.note(record) {
        remark(format_args!("note: {error:#}"));
    }
}

async fn of_class(
    args: &GradeArgs,
    paths: &LabPaths,
    wanted: &[Manifest],
    class: &Path,
) -> anyhow::Result<Vec<Record>> {
    for file in not_folders(class) {
        remark(format_args!("note: {file} is no folder and is not graded"));
    }
    let mut records = Vec::new();
    for manifest in wanted {
        let all = submissions(class, paths, manifest).map_err(usage)?;
        let template = assignment(args, paths, manifest, None)?;
        let processors =
            std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        // A check mostly waits for time to pass.
        let (jobs, count) = (args.jobs.unwrap_or(processors * 2), all.len());
        remark(format_args!("{}: {count} submissions, {jobs} at a time", manifest.id));
        let mut done = BTreeMap::new();
        let report = |place: usize, record: &Record| {
            let name = record.submission.as_deref().unwrap_or_default();
            remark(format_args!(
                "  {name}: {}, {} points",
                record.outcome, record.points
            ));
            record.remarks.iter().for_each(|text| remark(format_args!("    {text}")));
            done.insert(place, record.clone());
            if let Err(error) = keep(args, records.iter().chain(done.values())) {
                remark(format_args!("note: {error:#}"));
            }
        };
        let graded = grade_all(&template, all, jobs, report).await;
        records.extend(graded);
    }
    Ok(records)
}
