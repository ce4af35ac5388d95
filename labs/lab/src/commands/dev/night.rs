//! `lab dev night`: the long forms of the tests, and a page with their last results.

use super::steps::{Step, StepResult, output, print_table};
use anyhow::Context;
use comparison::machine::Machine;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The programs of the load tests.
const LOAD_TESTS: [&str; 6] = [
    "steady-uploads",
    "login-burst",
    "session-reads",
    "kill-a-replica",
    "rolling-restart",
    "scale-out",
];

/// Runs of a step that is inconclusive.
const MAX_ATTEMPTS: u32 = 3;

/// Run the long forms of the tests: many kills, many seeds, full load
///
/// Takes more than an hour, and the times count only on a machine that does nothing else.
/// Every step runs, even after a failure. Run it from the top of the repository.
#[derive(clap::Args, Debug)]
pub(super) struct NightArgs {
    /// The number of kills at random
    #[arg(long, value_name = "N", default_value_t = 200)]
    kills: u32,

    /// The number of seeds with which each exercise's solution has to pass
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeat: u32,

    /// The seed of the kills and of the solutions; random by default
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Replace this page of results
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,

    /// Use few kills, one seed and little load, to test this command
    #[arg(long, conflicts_with_all = ["kills", "repeat", "save"])]
    smoke: bool,
}

pub(super) fn run(args: &NightArgs) -> anyhow::Result<bool> {
    let seed = args.seed.unwrap_or_else(crate::commands::exercise::seed);
    let commit = output("git", &["describe", "--always", "--dirty"])?;
    let date = output("date", &["-u", "+%F"])?;
    let mut results = Vec::new();
    for step in steps(args, seed)? {
        results.push(step.run(MAX_ATTEMPTS)?);
    }
    print_table(&results);
    if let Some(file) = &args.save {
        let page = page(&format!("Made on {date} from commit {commit}."), &results);
        fs::write(file, page)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(results.iter().all(StepResult::passed))
}

fn steps(args: &NightArgs, seed: u64) -> anyhow::Result<Vec<Step>> {
    let (kills, repeat) = if args.smoke { (5, 1) } else { (args.kills, args.repeat) };
    let (repeat, seed_arg) = (repeat.to_string(), seed.to_string());
    // All packages, because a selected one would get its dependencies in other flavours.
    let kill_test = ["test", "--workspace", "--locked", "--test", "cluster", "--"];
    let kill_test = [&kill_test[..], &["seeded_kills::", "--nocapture"]].concat();
    let check = ["dev", "check", "--require-solutions", "--repeat", &repeat];
    let check = [&check[..], &["--seed", &seed_arg]].concat();
    let build = ["build", "--release", "--workspace", "--bins", "--locked"];
    let target =
        std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let optimised = Path::new(&target).join("release");
    let mut steps = vec![
        Step::cargo(&format!("{kills} kills at random"), &kill_test)
            .env("LAB_KILLS", &kills)
            .env("LAB_SEED", &seed)
            .must_print(" kills in "),
        Step::lab("exercises", &check)?,
        Step::cargo("optimised build", &build),
        Step::program("comparison", optimised.join("lab"), &["compare", "--assert"]),
    ];
    for program in LOAD_TESTS {
        let flags: &[&str] = if args.smoke { &["--smoke"] } else { &[] };
        let name = format!("load test {program}");
        steps.push(Step::program(&name, optimised.join(program), flags));
    }
    Ok(steps)
}

/// The page of results.
fn page(made: &str, results: &[StepResult]) -> String {
    let Machine { processor, cores, system, .. } = Machine::current();
    let mut page = format!(
        "# Last nightly run\n\nWritten by `.ci/night`. {made}\n{processor}, {cores} cores, {system}.\n\n\
         | step | outcome | attempts | seconds | command |\n|---|---|---|---|---|\n"
    );
    for result in results {
        let StepResult { name, command, took, attempts, .. } = result;
        let (outcome, seconds) = (result.outcome(), took.as_secs());
        let _infallible = writeln!(
            page,
            "| {name} | {outcome} | {attempts} | {seconds} | `{command}` |"
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn page_has_a_row_for_each_step() {
        let result = StepResult {
            name: "7 kills".to_owned(),
            command: "LAB_KILLS=7 cargo test".to_owned(),
            took: Duration::from_millis(2_900),
            attempts: 2,
            code: Some(4),
        };
        let page = page("Made today.", &[result]);
        let row = "| 7 kills | inconclusive | 2 | 2 | `LAB_KILLS=7 cargo test` |\n";
        assert!(page.ends_with(row), "{page}");
    }
}
