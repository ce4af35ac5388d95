//! `lab compare`: five designs under the same load and the same faults.

mod progress;
mod show;

use crate::commands::{broken_off, program};
use crate::screen::{print_line, remark};
use anyhow::Context;
use clap::Args;
use comparison::{Design, Plan, Report, Scenario, page, save};
use launcher::Backing;
use outcome::Outcome;
use progress::Progress;
use report::machine::profile;
use show::{judgement, show};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Compare five designs under the same load and faults
///
/// Starts five clusters of three replicas, one for each place of the session: the memory of
/// one replica (with and without sticky routing), the memory of all replicas, Redis, or a
/// signed token. All get the same users and the same faults. The result: logged-out users,
/// failed requests, recovery times, the costs of each design, and published figures beside
/// the measured ones. No process or file is left behind.
///
/// Exit codes: 0 done (with --assert: every check holds), 1 a check does not hold, 2 usage
/// error, 3 the comparison itself broke, 4 inconclusive.
#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// Run only these designs or scenarios, separated by commas or repeated
    #[arg(long, value_name = "DESIGN|SCENARIO", value_delimiter = ',', value_parser = only)]
    only: Vec<Only>,

    /// Repetitions of each scenario, for medians and spread
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=50))]
    repeat: u16,

    /// Seed of the users' requests and of the choice of the target replica
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Users of each design
    #[arg(long, value_name = "N", default_value_t = 9,
          value_parser = clap::value_parser!(u16).range(3..=100))]
    users: u16,

    /// Milliseconds from one request of a user to its next
    #[arg(long, value_name = "MS", default_value_t = 250,
          value_parser = clap::value_parser!(u64).range(20..=5_000))]
    pace_ms: u64,

    /// Source of Redis and of the database, the same for every design
    #[arg(long, value_enum, default_value_t)]
    backing: Backing,

    /// Exit 1 if a result contradicts the expected outcome, 4 if the run was inconclusive
    #[arg(long)]
    assert: bool,

    /// Print the report as JSON: docs/json.md
    #[arg(long)]
    json: bool,

    /// Write the report as one page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Save the report in a folder, as JSON and Markdown with the date in the names
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
}

/// A design or a scenario, to which a run is limited.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Only {
    Design(Design),
    Scenario(Scenario),
}

fn only(text: &str) -> Result<Only, String> {
    let design = Design::ALL.into_iter().find(|one| one.as_str() == text);
    let scenario = Scenario::ALL.into_iter().find(|one| one.as_str() == text);
    match (design, scenario) {
        (Some(design), _) => Ok(Only::Design(design)),
        (None, Some(scenario)) => Ok(Only::Scenario(scenario)),
        (None, None) => {
            let designs = Design::ALL.map(Design::as_str).join(", ");
            let scenarios = Scenario::ALL.map(Scenario::as_str).join(", ");
            Err(format!("there are the designs {designs} and the scenarios {scenarios}"))
        }
    }
}

pub(crate) async fn run(args: CompareArgs) -> ExitCode {
    match perform(&args).await {
        Err(error) => {
            remark(format!("error: {error:#}"));
            broken_off(&error).exit_code()
        }
        Ok(outcome) if args.assert => outcome.exit_code(),
        Ok(_) => ExitCode::SUCCESS,
    }
}

async fn perform(args: &CompareArgs) -> anyhow::Result<Outcome> {
    let plan = plan(args)?;
    check_places(args)?;
    let progress = Progress::of(&plan);
    let report = comparison::run(&plan, |what| progress.step(what)).await;
    progress.end();
    let report = report?;
    if args.json {
        print_line(serde_json::to_string_pretty(&report)?);
        judgement(&report).into_iter().for_each(remark);
    } else {
        show(&report);
    }
    // The result was shown, also if a file cannot be written. Each is tried.
    let page = write_page(args, &report);
    let saved = save_report(args, &report);
    page.and(saved)?;
    Ok(report.outcome)
}

/// An unwritable file or folder is noticed before the comparison.
fn check_places(args: &CompareArgs) -> anyhow::Result<()> {
    if let Some(path) = &args.html {
        outcome::file::check(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(folder) = &args.save {
        outcome::file::check_folder(folder)
            .with_context(|| format!("cannot write to {}", folder.display()))?;
    }
    Ok(())
}

/// Writes the page, if `--html` is given.
fn write_page(args: &CompareArgs, report: &Report) -> anyhow::Result<()> {
    let Some(path) = &args.html else { return Ok(()) };
    outcome::file::replace(path, page::html(report))
        .with_context(|| format!("cannot write {}", path.display()))?;
    remark(format!("The page is in {}", path.display()));
    Ok(())
}

/// Saves the report, if `--save` is given.
fn save_report(args: &CompareArgs, report: &Report) -> anyhow::Result<()> {
    let Some(folder) = &args.save else { return Ok(()) };
    let [json, markdown] = save::save(report, folder)?;
    remark(format!("Saved as {} and {}", json.display(), markdown.display()));
    Ok(())
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
        designs: chosen(&designs.collect::<Vec<_>>(), Design::ALL),
        scenarios: chosen(&scenarios.collect::<Vec<_>>(), Scenario::ALL),
        seed: args.seed,
        repeat: usize::from(args.repeat),
        users: usize::from(args.users),
        pace: Duration::from_millis(args.pace_ms),
        backing: args.backing,
        command: command(),
    })
}

/// The named ones, or all if none is named, always in their own order.
fn chosen<T: PartialEq, const N: usize>(named: &[T], all: [T; N]) -> Vec<T> {
    let wanted = |one: &T| named.is_empty() || named.contains(one);
    all.into_iter().filter(wanted).collect()
}

/// The command line without the path of this program.
fn command() -> String {
    command_of(profile(), outcome::arguments())
}

/// The command that repeats this run, with the same build profile.
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
    fn unknown_design_or_scenario_is_refused_with_the_known_names() {
        assert_eq!(only("token"), Ok(Only::Design(Design::Token)));
        assert_eq!(only("kill-a-replica"), Ok(Only::Scenario(Scenario::KillAReplica)));
        let refused = only("cookies").unwrap_err();
        assert!(refused.contains("replicated") && refused.contains("scale-out"));
    }

    #[test]
    fn command_of_a_report_repeats_the_run_in_its_profile() {
        let of = |profile| {
            let args = ["compare", "--seed", "7"].map(str::to_owned);
            command_of(profile, args.into_iter())
        };
        assert_eq!(of("debug"), "cargo lab compare --seed 7");
        assert_eq!(of("release"), "cargo run --release -p lab -- compare --seed 7");
    }

    #[test]
    fn unlimited_plan_has_all_designs_in_order() {
        assert_eq!(chosen(&[], Design::ALL), Design::ALL);
        let named = vec![Design::Token, Design::Memory];
        let chosen = chosen(&named, Design::ALL);
        assert_eq!(chosen, [Design::Memory, Design::Token]);
    }
}
