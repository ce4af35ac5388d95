//! `lab dev check`: for those who write exercises. It is what CI runs.

use super::exercise::cage;
use console::style;
use grader::author::{Finding, Proof};
use grader::{Home, Manifest};
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

    /// Write the transcripts of the wrong answers instead of comparing with them
    #[arg(long)]
    record: bool,
}

pub(crate) async fn run(args: DevArgs) -> ExitCode {
    let DevCommand::Check(args) = args.command;
    match check(&args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => super::ended(Err(error)),
    }
}

async fn check(args: &CheckArgs) -> anyhow::Result<bool> {
    let home = Home::here()?;
    let proof = Proof {
        home: home.clone(),
        cage: cage()?,
        seed: args.seed.unwrap_or_else(super::exercise::seed),
        repeat: args.repeat,
        require_solutions: args.require_solutions,
        record: args.record,
    };
    let mut all_well = true;
    for manifest in wanted(args, &home)? {
        println!("{} (solution from seed {})", style(&manifest.id).bold(), proof.seed);
        let suite = checks::suite(&manifest.id)?;
        all_well &= proof.of(&manifest, suite, tell).await;
    }
    Ok(all_well)
}

fn wanted(args: &CheckArgs, home: &Home) -> anyhow::Result<Vec<Manifest>> {
    if args.only.is_empty() {
        return home.all();
    }
    args.only.iter().map(|id| home.manifest(&home.id_of(id)?)).collect()
}

fn tell(finding: &Finding) {
    match &finding.wrong {
        None => println!("  {} {}", style("✔").green(), finding.what),
        Some(wrong) => {
            println!("  {} {}", style("✘").red(), finding.what);
            wrong.lines().for_each(|line| println!("      {line}"));
        }
    }
}
