//! `lab compare`: five designs under the same load and the same faults, in one table.

mod progress;
mod show;

use crate::commands::{broke_off, program};
use crate::screen::{remark, say};
use anyhow::Context;
use clap::Args;
use cluster::Backing;
use comparison::{Contender, Plan, Scenario, Verdict, machine, page, save};
use progress::Progress;
use show::{judgement, show};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Compare five designs under the same load and the same faults
///
/// Five clusters of three replicas, one for each place where it may be known who is
/// calling, get the same users and then the same faults. At the end: who was logged out,
/// what failed, how long it took, what each design costs, and what of the figures that
/// others claim could be confirmed. Nothing is left behind.
#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// Only these designs or scenarios; several with commas or repeated
    #[arg(long, value_name = "DESIGN|SCENARIO", value_delimiter = ',', value_parser = only)]
    only: Vec<Only>,

    /// Play each scenario so often, and give medians and spread
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=50))]
    repeat: u16,

    /// Decides when who asks for what and which replica is killed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Users before each design
    #[arg(long, value_name = "N", default_value_t = 9,
          value_parser = clap::value_parser!(u16).range(3..=100))]
    users: u16,

    /// Milliseconds from one request of a user to the next
    #[arg(long, value_name = "MS", default_value_t = 250,
          value_parser = clap::value_parser!(u64).range(20..=5_000))]
    pace_ms: u64,

    /// From where Redis and the database are taken, the same for every design
    #[arg(long, value_enum, default_value_t)]
    backing: Backing,

    /// Exit with 1 if what happened is not what the concepts say, 2 if it shows neither
    #[arg(long)]
    assert: bool,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,

    /// Write the report as one page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Keep the report in a folder, as JSON and Markdown with the date in their names
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
}

/// What a run is narrowed to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Only {
    Design(Contender),
    Scenario(Scenario),
}

fn only(text: &str) -> Result<Only, String> {
    let design = Contender::ALL.into_iter().find(|one| one.as_str() == text);
    let scenario = Scenario::ALL.into_iter().find(|one| one.as_str() == text);
    match (design, scenario) {
        (Some(design), _) => Ok(Only::Design(design)),
        (None, Some(scenario)) => Ok(Only::Scenario(scenario)),
        (None, None) => {
            let designs = Contender::ALL.map(Contender::as_str).join(", ");
            let scenarios = Scenario::ALL.map(Scenario::as_str).join(", ");
            Err(format!("there are the designs {designs} and the scenarios {scenarios}"))
        }
    }
}

pub(crate) async fn run(args: CompareArgs) -> ExitCode {
    match perform(&args).await {
        Err(error) => {
            remark(format!("error: {error:#}"));
            ExitCode::from(broke_off(&error))
        }
        Ok(verdict) if args.assert => ExitCode::from(verdict.exit_code()),
        Ok(_) => ExitCode::SUCCESS,
    }
}

async fn perform(args: &CompareArgs) -> anyhow::Result<Verdict> {
    let plan = plan(args)?;
    let progress = Progress::of(&plan);
    let report = comparison::run(&plan, |what| progress.step(what)).await;
    progress.end();
    let report = report?;
    if let Some(path) = &args.html {
        std::fs::write(path, page::html(&report))
            .with_context(|| format!("cannot write {}", path.display()))?;
        remark(format!("The page is in {}", path.display()));
    }
    if let Some(folder) = &args.save {
        let [json, markdown] = save::save(&report, folder)?;
        remark(format!("Kept as {} and {}", json.display(), markdown.display()));
    }
    if args.json {
        say(serde_json::to_string_pretty(&report)?);
        judgement(&report).into_iter().for_each(remark);
    } else {
        show(&report);
    }
    Ok(report.verdict)
}

fn plan(args: &CompareArgs) -> anyhow::Result<Plan> {
    let designs = args.only.iter().filter_map(|only| match only {
        Only::Design(design) => Some(*design),
        Only::Scenario(_) => None,
    });
    let scenarios = args.only.iter().filter_map(|only| match only {
        Only::Scenario(scenario) => Some(*scenario),
        Only::Design(_) => None,
    });
    Ok(Plan {
        program: program()?,
        designs: chosen(&designs.collect::<Vec<_>>(), Contender::ALL),
        scenarios: chosen(&scenarios.collect::<Vec<_>>(), Scenario::ALL),
        seed: args.seed,
        repeat: usize::from(args.repeat),
        users: usize::from(args.users),
        pace: Duration::from_millis(args.pace_ms),
        backing: args.backing,
        command: command(),
    })
}

/// All of them unless some were named, and always in their own order.
fn chosen<T: PartialEq, const N: usize>(named: &[T], all: [T; N]) -> Vec<T> {
    let wanted = |one: &T| named.is_empty() || named.contains(one);
    all.into_iter().filter(wanted).collect()
}

/// What was typed, without the path of this program.
fn command() -> String {
    command_of(machine::profile(), std::env::args().skip(1))
}

/// The command that makes this run again, in the profile that it was made in.
fn command_of(profile: &str, args: impl Iterator<Item = String>) -> String {
    let program = match profile {
        "debug" => "cargo lab".to_owned(),
        profile => format!("cargo run --{profile} -p lab --"),
    };
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_takes_designs_and_scenarios_and_names_them_when_it_knows_neither() {
        assert_eq!(only("token"), Ok(Only::Design(Contender::Token)));
        assert_eq!(only("kill-one"), Ok(Only::Scenario(Scenario::KillOne)));
        let refused = only("cookies").unwrap_err();
        assert!(refused.contains("replicated") && refused.contains("add-replica"));
    }

    #[test]
    fn the_command_of_a_report_makes_the_run_again_in_its_own_profile() {
        let of = |profile| {
            let args = ["compare", "--seed", "7"].map(str::to_owned);
            command_of(profile, args.into_iter())
        };
        assert_eq!(of("debug"), "cargo lab compare --seed 7");
        assert_eq!(of("release"), "cargo run --release -p lab -- compare --seed 7");
    }

    #[test]
    fn what_is_not_narrowed_is_whole_and_in_order() {
        assert_eq!(chosen(&[], Contender::ALL), Contender::ALL);
        let named = vec![Contender::Token, Contender::Memory];
        let chosen = chosen(&named, Contender::ALL);
        assert_eq!(chosen, [Contender::Memory, Contender::Token]);
    }
}
