//! `lab run`: checks an exercise once and remembers how far it is.

use super::exercise::{Desk, Which};
use console::Term;
use grader::format::{Colour, at_work, terminal};
use grader::{Manifest, Record, Verdict};
use std::process::ExitCode;

/// Check an exercise: build it, start it, and see what it does
///
/// Exit codes: 0 pass, 1 fail, 2 could not tell, 3 the lab itself broke.
#[derive(clap::Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    which: Which,

    /// Repeat a run; a number by chance, if not given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Explain every check that fails, not only the first
    #[arg(long)]
    all: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: RunArgs) -> ExitCode {
    super::judged(ran(&args).await)
}

async fn ran(args: &RunArgs) -> anyhow::Result<Verdict> {
    let (mut desk, manifest) = args.which.find()?;
    if !args.json {
        eprintln!("checking {} …\n", manifest.id);
    }
    let record = check(&mut desk, &manifest, args.seed).await?;
    if args.json {
        println!("{:#}", serde_json::to_value(&record)?);
    } else if args.all {
        print!("{}", terminal(&record, colour()));
    } else {
        print!("{}", shown(&desk, &manifest, &record));
    }
    Ok(record.verdict)
}

/// Checks it, and writes down how far it is.
pub(crate) async fn check(
    desk: &mut Desk,
    manifest: &Manifest,
    seed: Option<u64>,
) -> anyhow::Result<Record> {
    let mut assignment = desk.assignment(manifest)?;
    assignment.seed = seed.unwrap_or(assignment.seed);
    let record = grader::grade(assignment).await;
    desk.note(&record)?;
    Ok(record)
}

/// What it came to, and what to do next.
pub(crate) fn shown(desk: &Desk, manifest: &Manifest, record: &Record) -> String {
    let (text, id) = (at_work(record, colour()), manifest.short_id());
    let next = match record.verdict {
        Verdict::Pass => format!(
            "Solved. A solution to compare with: cargo lab solution {id}\n\
             The next exercise: cargo lab run"
        ),
        Verdict::Fail => format!(
            "Your file: {}\nStuck? cargo lab hint {id}",
            desk.path_of(manifest, &manifest.editable[0])
        ),
        Verdict::CouldNotTell => {
            "Nothing can be said: try again, with less going on here".to_owned()
        }
        Verdict::Broken => {
            "That is not your fault: cargo lab doctor may know more".to_owned()
        }
    };
    format!("{text}{next}\n")
}

fn colour() -> Colour {
    if Term::stdout().is_term() { Colour::Yes } else { Colour::No }
}
