//! `lab run`: checks an exercise once and records the progress.

use super::exercise::{ExerciseArgs, Workspace};
use super::grade::shown::document;
use crate::screen::{print, remark};
use console::Term;
use grader::format::{Colour, terminal, terminal_brief};
use grader::{Manifest, Record};
use outcome::Outcome;
use std::process::ExitCode;

/// Check an exercise once
///
/// Builds it, starts it, and sends it requests.
///
/// Exit codes: 0 pass, 1 fail, 2 usage error, 3 the lab itself broke, 4 inconclusive.
#[derive(clap::Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    which: ExerciseArgs,

    /// Seed, to repeat a run [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Explain every failed check, not only the first
    #[arg(long)]
    all: bool,

    /// Print JSON: docs/json.md
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: RunArgs) -> ExitCode {
    super::judged(ran(&args).await)
}

async fn ran(args: &RunArgs) -> anyhow::Result<Outcome> {
    let (mut workspace, manifest) = args.which.find()?;
    if !args.json {
        remark(format_args!("checking {} …\n", manifest.id));
    }
    let record = check(&mut workspace, &manifest, args.seed).await?;
    if args.json {
        print(document(std::slice::from_ref(&record))?);
    } else if args.all {
        print(terminal(&record, colour()));
    } else {
        print(shown(&workspace, &manifest, &record));
    }
    Ok(record.outcome)
}

/// Checks an exercise and records the progress. In a folder that cannot be written it is
/// checked all the same.
pub(crate) async fn check(
    workspace: &mut Workspace,
    manifest: &Manifest,
    seed: Option<u64>,
) -> anyhow::Result<Record> {
    let mut assignment = workspace.assignment(manifest)?;
    assignment.seed = seed.unwrap_or(assignment.seed);
    let record = grader::grade(assignment).await;
    if let Err(error) = workspace.note(&record) {
        remark(format_args!("note: {error:#}"));
    }
    Ok(record)
}

/// The result, and the next step for the student.
pub(crate) fn shown(
    workspace: &Workspace,
    manifest: &Manifest,
    record: &Record,
) -> String {
    let (text, id) = (terminal_brief(record, colour()), manifest.short_id());
    let next = match record.outcome {
        Outcome::Pass => format!(
            "Solved. A solution to compare with: {}\nThe next exercise: {}",
            workspace.command(&format!("solution {id}")),
            workspace.command("run")
        ),
        Outcome::Fail => format!(
            "Your file: {}\nStuck? {}",
            workspace.path_of(manifest, &manifest.editable[0]),
            workspace.command(&format!("hint {id}"))
        ),
        Outcome::Inconclusive => {
            "Inconclusive: run it again, with fewer other programs on this machine"
                .to_owned()
        }
        Outcome::HarnessError => {
            "The lab broke, not your program: cargo lab doctor may show why".to_owned()
        }
    };
    format!("{text}{next}\n")
}

fn colour() -> Colour {
    if Term::stdout().is_term() { Colour::Yes } else { Colour::No }
}
