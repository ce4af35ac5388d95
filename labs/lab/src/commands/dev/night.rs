//! `lab dev night`: the long forms of the tests, and a page with their last results.

use super::previous_release;
use super::steps::{Step, StepResult, features, output, print_table};
use anyhow::{Context, ensure};
use report::machine::Machine;
use report::table::Table;
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

/// The number of rolling updates, each of which may fail no request.
const ROLLING_UPDATES: u32 = 20;

/// Runs of a step that is inconclusive.
const MAX_ATTEMPTS: u32 = 3;

/// Run the long forms of the tests: many kills, many seeds, full load
///
/// Takes more than an hour, and the times count only on a machine that does nothing else.
/// Every step runs, even after a failure. Run it from the top of the repository. The rolling
/// upgrade starts from the commit in LAB_PREVIOUS_COMMIT, or from the previous release.
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

    /// Leave out the steps with this text in their names; the page lists them. Can be repeated
    #[arg(long, value_name = "TEXT")]
    without: Vec<String>,

    /// Use few kills, one seed and little load, to test this command
    #[arg(long, conflicts_with_all = ["kills", "repeat", "save"])]
    smoke: bool,
}

pub(super) fn run(args: &NightArgs) -> anyhow::Result<bool> {
    let seed = args.seed.unwrap_or_else(crate::commands::exercise::seed);
    let commit = output("git", &["describe", "--always", "--dirty"])?;
    let date = output("date", &["-u", "+%F"])?;
    let (left_out, steps) = without(steps(args, seed)?, &args.without)?;
    let mut results = Vec::new();
    for step in steps {
        results.push(step.run(MAX_ATTEMPTS)?);
    }
    print_table(&results);
    if let Some(file) = &args.save {
        let mut made = format!("Made on {date} from commit {commit}.");
        if !left_out.is_empty() {
            made += &format!(" Left out: {}.", left_out.join(", "));
        }
        let here = format!("{}/", std::env::current_dir()?.display());
        let page = page(&made, &results).replace(&here, "");
        outcome::file::replace(file, page)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(results.iter().all(StepResult::passed))
}

fn steps(args: &NightArgs, seed: u64) -> anyhow::Result<Vec<Step>> {
    let (kills, repeat) = if args.smoke { (5, 1) } else { (args.kills, args.repeat) };
    let (repeat, seed_arg) = (repeat.to_string(), seed.to_string());
    let kill_test = ["--test", "cluster", "--", "seeded_kills::", "--nocapture"];
    let contract = ["--test", "cluster", "--", "conformance::", "--ignored"];
    let updates = ["--test", "deployment", "--", "rolling_update_"];
    let check = ["dev", "check", "--require-solutions", "--repeat", &repeat];
    let check = [&check[..], &["--seed", &seed_arg]].concat();
    let build = ["build", "--release", "--workspace", "--bins", "--locked"];
    let target =
        std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let optimised = Path::new(&target).join("release");
    let mut steps = vec![
        Step::cargo_test(&format!("{kills} kills at random"), &kill_test)
            .env("LAB_KILLS", &kills)
            .env("LAB_SEED", &seed)
            .must_print(" kills in "),
    ];
    if !args.smoke {
        steps.extend(previous_release::steps(Path::new(&target))?);
        steps.push(Step::cargo_test("contract of the other designs", &contract));
    }
    if features().is_some() {
        let times = if args.smoke { 1 } else { ROLLING_UPDATES };
        // Behind each balancer.
        let step = Step::cargo_test(&format!("{times} rolling updates"), &updates);
        steps.push(
            step.must_print("loses_no_session::behind_haproxy ... ok").times(times),
        );
    }
    steps.extend([
        Step::lab("exercises", &check)?,
        Step::lab("mutants", &["dev", "mutants"])?,
        Step::cargo("optimised build", &build),
        Step::program("comparison", optimised.join("lab"), &["compare", "--assert"]),
    ]);
    for program in LOAD_TESTS {
        let flags: &[&str] = if args.smoke { &["--smoke"] } else { &[] };
        let name = format!("load test {program}");
        steps.push(Step::program(&name, optimised.join(program), flags));
    }
    Ok(steps)
}

/// The names of the steps to leave out, and the other steps.
fn without(
    steps: Vec<Step>,
    texts: &[String],
) -> anyhow::Result<(Vec<String>, Vec<Step>)> {
    for text in texts {
        let known = steps.iter().any(|step| step.name.contains(text));
        ensure!(known, "no step has {text:?} in its name");
    }
    let is_left_out = |step: &Step| texts.iter().any(|text| step.name.contains(text));
    let (left_out, steps): (Vec<_>, Vec<_>) = steps.into_iter().partition(is_left_out);
    Ok((left_out.into_iter().map(|step| step.name).collect(), steps))
}

/// The page of results.
fn page(made: &str, results: &[StepResult]) -> String {
    let machine = Machine::current().description();
    let row = |result: &StepResult| {
        vec![
            result.name.clone(),
            result.outcome().to_owned(),
            result.attempts.to_string(),
            result.took.as_secs().to_string(),
            format!("`{}`", result.command),
        ]
    };
    let header = ["step", "outcome", "attempts", "seconds", "command"];
    let table = Table::new(&header, results.iter().map(row).collect()).markdown();
    format!("# Last nightly run\n\nWritten by `.ci/night`. {made}\n{machine}.\n\n{table}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn left_out_steps_are_named() {
        let steps =
            || ["kills", "load test a", "load test b"].map(|name| Step::cargo(name, &[]));
        let (names, steps_left) = without(steps().into(), &["load".to_owned()]).unwrap();
        assert_eq!(names, ["load test a", "load test b"]);
        assert_eq!(steps_left.len(), 1);
        let error =
            without(steps().into(), &["loads".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("\"loads\""), "{error}");
    }

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
