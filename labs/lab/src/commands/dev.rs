//! `lab dev`: commands for the authors of exercises and for CI.

mod check;
mod class;
mod demos;
mod layout;
mod leftovers;
mod measure;
mod mutants;
mod night;
mod previous_release;
mod size;
mod steps;
mod words;
mod wrong_answer;

use super::interrupt::until_interrupted;
use super::usage;
use grader::{LabPaths, Manifest, Outcome};
use std::process::ExitCode;

/// Write exercises and run CI
#[derive(clap::Args, Debug)]
pub(crate) struct DevArgs {
    #[command(subcommand)]
    command: DevCommand,
}

#[derive(clap::Subcommand, Debug)]
enum DevCommand {
    Check(check::CheckArgs),
    Class(class::ClassArgs),
    WrongAnswer(wrong_answer::WrongAnswerArgs),
    Demos(demos::DemosArgs),
    Layout(layout::LayoutArgs),
    Leftovers(leftovers::LeftoversArgs),
    Measure(measure::MeasureArgs),
    Mutants(mutants::MutantsArgs),
    Night(night::NightArgs),
    Size(size::SizeArgs),
    Words(words::WordsArgs),
}

pub(crate) async fn run(args: DevArgs) -> ExitCode {
    let passed = match args.command {
        DevCommand::Check(args) => return until_interrupted(checked(&args)).await,
        DevCommand::Class(args) => class::class(&args).map(|()| true),
        DevCommand::WrongAnswer(args) => wrong_answer::run(&args),
        DevCommand::Demos(args) => return demos::run(&args),
        DevCommand::Layout(args) => layout::run(&args),
        DevCommand::Leftovers(args) => leftovers::run(&args),
        DevCommand::Measure(args) => measure::run(&args),
        DevCommand::Mutants(args) => mutants::run(&args),
        DevCommand::Night(args) => night::run(&args),
        DevCommand::Size(args) => size::run(&args),
        DevCommand::Words(args) => words::run(&args),
    };
    judged(passed)
}

async fn checked(args: &check::CheckArgs) -> ExitCode {
    judged(check::check(args).await)
}

fn judged(passed: anyhow::Result<bool>) -> ExitCode {
    super::judged(passed.map(|passed| if passed { Outcome::Pass } else { Outcome::Fail }))
}

/// The exercise with this id or the beginning of one.
fn exercise(paths: &LabPaths, id: &str) -> anyhow::Result<Manifest> {
    paths.manifest(&paths.id_of(id).map_err(usage)?)
}
