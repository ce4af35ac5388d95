//! `lab grade`: points, for one work or a class, in the form that whoever asks can read.

mod shown;

use super::exercise::{Desk, Place, seed};
use clap::ValueEnum;
use grader::class::{csv, grade_all, submissions};
use grader::{Assignment, Manifest, Record, Verdict};
use shown::{show, write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Grade exercises, with every check run with several seeds
///
/// Exit codes: 0 pass, 1 fail, 2 could not tell, 3 the lab itself broke.
#[derive(clap::Args, Debug)]
pub(crate) struct GradeArgs {
    /// The exercise, such as p1-01; all of them, if none is given
    #[arg(value_name = "ID")]
    id: Option<String>,

    #[command(flatten)]
    place: Place,

    /// Grade a class: a folder with a folder for each submission
    #[arg(long, value_name = "DIR", conflicts_with = "folder")]
    submissions: Option<PathBuf>,

    /// How many submissions at a time; two for each processor, if not given
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// With a class: the table for a spreadsheet
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// The form of the result
    #[arg(long, value_enum, default_value_t = Form::Terminal)]
    format: Form,

    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Write the result here, and what people read to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Repeat a run; a number by chance, if not given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// How often each check is run, each time with the next seed
    #[arg(long, value_name = "N")]
    repeat: Option<u32>,

    #[command(flatten)]
    runner: Runner,
}

/// What a runner of CI says in its environment.
#[derive(clap::Args, Debug)]
struct Runner {
    #[arg(long, env = "GITHUB_STEP_SUMMARY", hide = true)]
    summary: Option<PathBuf>,
    #[arg(long, env = "CLASSROOM", default_value = "", hide = true)]
    classroom: String,
    #[arg(long, env = "ASSIGNMENT", default_value = "", hide = true)]
    assignment: String,
    #[arg(long, env = "SUBMISSION_TAG", default_value = "", hide = true)]
    tag: String,
    #[arg(long, env = "COMMIT_URL", default_value = "", hide = true)]
    commit: String,
    #[arg(long, env = "RELEASE_URL", default_value = "", hide = true)]
    release: String,
    #[arg(long, env = "REVIEW_URL", default_value = "", hide = true)]
    review: String,
}

/// The forms of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Terminal,
    /// The whole record
    Json,
    /// Classroom 50: result.json
    Classroom50,
    /// Gradescope: results.json
    Gradescope,
    /// Exercism: results.json, version 3
    Exercism,
    /// JUnit XML, as GitLab reads it
    Junit,
    /// GitHub Actions: annotations and a summary of the job
    Github,
}

impl Form {
    /// Whether it is for a system that keeps marks.
    const fn is_for_marks(self) -> bool {
        matches!(self, Self::Classroom50 | Self::Gradescope | Self::Exercism)
    }
}

pub(crate) async fn run(args: GradeArgs) -> ExitCode {
    match graded(&args).await {
        Ok(verdict) => ExitCode::from(verdict.code()),
        Err(error) => super::ended(Err(error)),
    }
}

async fn graded(args: &GradeArgs) -> anyhow::Result<Verdict> {
    let form = if args.json { Form::Json } else { args.format };
    let desk = match &args.submissions {
        Some(_) => Desk::of_nobody()?,
        None => args.place.open_existing()?,
    };
    let mut records = Vec::new();
    for manifest in wanted(args, &desk)? {
        let assignment = assignment(args, &desk, &manifest)?;
        match &args.submissions {
            Some(class) => records.extend(class_of(args, &assignment, class).await?),
            None => records.push(grader::grade(assignment).await),
        }
    }
    if let Some(file) = &args.csv {
        write(file, &csv(&records))?;
    }
    show(args, form, &records)?;
    Ok(records
        .iter()
        .map(|record| record.verdict)
        .max_by_key(|verdict| weight(*verdict))
        .unwrap_or(Verdict::Broken))
}

/// As within one record: a lab that broke before a failure before what cannot be told.
const fn weight(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::CouldNotTell => 1,
        Verdict::Fail => 2,
        Verdict::Broken => 3,
    }
}

fn wanted(args: &GradeArgs, desk: &Desk) -> anyhow::Result<Vec<Manifest>> {
    match &args.id {
        Some(id) => Ok(vec![desk.exercise(Some(id))?]),
        None => desk.home.all(),
    }
}

fn assignment(
    args: &GradeArgs,
    desk: &Desk,
    manifest: &Manifest,
) -> anyhow::Result<Assignment> {
    let mut assignment = desk.assignment(manifest)?;
    assignment.seed = args.seed.unwrap_or_else(seed);
    assignment.repeat = args.repeat.unwrap_or(manifest.repeat);
    Ok(assignment)
}

async fn class_of(
    args: &GradeArgs,
    template: &Assignment,
    class: &Path,
) -> anyhow::Result<Vec<Record>> {
    let all = submissions(class, &template.manifest.id)?;
    let processors =
        std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    // Most of the time a check waits for a time to pass.
    let (jobs, count) = (args.jobs.unwrap_or(processors * 2), all.len());
    eprintln!("{}: {count} submissions, {jobs} at a time", template.manifest.id);
    let tell = |record: &Record| {
        let name = record.submission.as_deref().unwrap_or_default();
        eprintln!("  {name}: {}, {} points", record.verdict, record.points);
    };
    grade_all(template, all, jobs, tell).await
}
