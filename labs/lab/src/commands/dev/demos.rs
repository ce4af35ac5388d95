//! `lab dev demos`: every demo with `--assert`, for CI.

use super::steps::{Step, print_table};
use crate::commands::judged;
use std::process::ExitCode;

/// The scenarios of `lab demo`.
const SCENARIOS: [&str; 9] = [
    "kill-a-replica",
    "restart-everything",
    "scale-out",
    "rolling-restart",
    "central-store",
    "redis-goes-away",
    "postgres-restarts",
    "revoke-a-token",
    "upload-survives-a-kill",
];

/// Run every demo and assert its expected outcome
///
/// A demo that is inconclusive, because the machine is too busy, runs again. A demo that
/// contradicts the expected outcome ends the run.
#[derive(clap::Args, Debug)]
pub(super) struct DemosArgs {
    /// The demos to run; all by default
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,

    /// The maximum number of runs of an inconclusive demo
    #[arg(long, value_name = "N", default_value_t = 3)]
    attempts: u32,
}

pub(super) fn run(args: &DemosArgs) -> ExitCode {
    match run_all(args) {
        // A code that is no byte would be 0 to the shell.
        Ok(code) => {
            ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
        }
        Err(error) => judged(Err(error)),
    }
}

/// The exit code of the last demo; `None` if a signal ended it.
fn run_all(args: &DemosArgs) -> anyhow::Result<Option<i32>> {
    let mut scenarios: Vec<&str> = args.scenarios.iter().map(String::as_str).collect();
    if scenarios.is_empty() {
        scenarios.extend(SCENARIOS);
    }
    let mut results = Vec::new();
    for scenario in scenarios {
        let name = format!("demo {scenario}");
        let step = Step::lab(&name, &["demo", scenario, "--yes", "--assert"])?;
        let result = step.run(args.attempts)?;
        let passed = result.passed();
        results.push(result);
        if !passed {
            break;
        }
    }
    print_table(&results);
    Ok(results.last().map_or(Some(0), |last| last.code))
}
