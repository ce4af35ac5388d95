//! `lab dev`: for those who write exercises and those who grade many. `check` is what CI
//! runs.

use super::exercise::sandbox;
use super::usage;
use console::style;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use grader::author::{Finding, Proof, rehearse};
use grader::{Home, Manifest, Verdict};
use std::path::PathBuf;
use std::process::ExitCode;

/// For those who write exercises
#[derive(clap::Args, Debug)]
pub(crate) struct DevArgs {
    #[command(subcommand)]
    command: DevCommand,
}

#[derive(clap::Subcommand, Debug)]
enum DevCommand {
    Check(CheckArgs),
    Class(ClassArgs),
}

/// Make a class up, to see how long it takes to grade one
///
/// Its submissions are made of the starter, the solution and the wrong answers, and no two
/// are alike.
#[derive(clap::Args, Debug)]
struct ClassArgs {
    /// The exercise, such as p1-01
    #[arg(value_name = "ID")]
    id: String,

    /// How many submissions
    #[arg(long, value_name = "N", default_value_t = 30)]
    count: usize,

    /// The folder to make
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// Prove that the exercises work
///
/// Each starter fails for the reason its manifest states, each solution passes whatever
/// the seed, each wrong answer is caught with its transcript, each README says what is
/// tested.
#[derive(clap::Args, Debug)]
struct CheckArgs {
    /// This exercise alone; may be repeated
    #[arg(long, value_name = "ID")]
    only: Vec<String>,

    /// A solution that is not there is a fault
    #[arg(long)]
    require_solutions: bool,

    /// With how many seeds each solution has to pass
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeat: u32,

    /// The first of them; a number by chance, if not given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// How many exercises at a time; one for each processor, if not given
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// Write the transcripts of the wrong answers instead of comparing with them
    #[arg(long)]
    record: bool,
}

pub(crate) async fn run(args: DevArgs) -> ExitCode {
    let outcome = match args.command {
        DevCommand::Check(args) => check(&args).await,
        DevCommand::Class(args) => class(&args).map(|()| true),
    };
    let verdict = |well| if well { Verdict::Pass } else { Verdict::Fail };
    super::judged(outcome.map(verdict))
}

fn class(args: &ClassArgs) -> anyhow::Result<()> {
    let home = Home::here()?;
    let manifest = home.manifest(&home.id_of(&args.id).map_err(usage)?)?;
    let names = rehearse(&home, &manifest, args.count, &args.to)?;
    println!("{} submissions of {} in {}", names.len(), manifest.id, args.to.display());
    println!(
        "to grade them: cargo lab grade {} --submissions {}",
        manifest.short_id(),
        args.to.display()
    );
    Ok(())
}

async fn check(args: &CheckArgs) -> anyhow::Result<bool> {
    let home = Home::here()?;
    let proof = Proof {
        home: home.clone(),
        sandbox: sandbox()?,
        seed: args.seed.unwrap_or_else(super::exercise::seed),
        repeat: args.repeat,
        require_solutions: args.require_solutions,
        record: args.record,
    };
    println!("solutions from seed {}", proof.seed);
    let proofs = wanted(args, &home)?.into_iter().map(|manifest| prove(&proof, manifest));
    let jobs = args.jobs.unwrap_or_else(processors).max(1);
    let proved: Vec<bool> =
        stream::iter(proofs).buffer_unordered(jobs).try_collect().await?;
    Ok(proved.into_iter().all(|well| well))
}

async fn prove(proof: &Proof, manifest: Manifest) -> anyhow::Result<bool> {
    let suite = checks::suite(&manifest.id)?;
    let short = style(manifest.short_id()).bold().to_string();
    Ok(proof.of(&manifest, suite, |finding| tell(&short, finding)).await)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn wanted(args: &CheckArgs, home: &Home) -> anyhow::Result<Vec<Manifest>> {
    if args.only.is_empty() {
        return home.all();
    }
    args.only.iter().map(|id| home.manifest(&home.id_of(id).map_err(usage)?)).collect()
}

/// Findings of several exercises come mixed, so each line says of which.
fn tell(exercise: &str, finding: &Finding) {
    match &finding.wrong {
        None => println!("{exercise} {} {}", style("✔").green(), finding.what),
        Some(wrong) => {
            println!("{exercise} {} {}", style("✘").red(), finding.what);
            wrong.lines().for_each(|line| println!("      {line}"));
        }
    }
}
