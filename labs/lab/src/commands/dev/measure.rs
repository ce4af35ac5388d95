//! `lab dev measure`: replaces the measurements that the documentation quotes.

use super::steps::{Step, output, print_table};
use std::path::Path;

/// The benches with medians in `benches/README.md`.
const BENCHES: [&str; 5] =
    ["who_is_calling", "session_map", "cache_fill", "balancer", "upload"];

const BENCHMARK: [&[&str]; 2] = [
    &[
        "run",
        "--profile",
        "measure",
        "-p",
        "benchmark",
        "--",
        "--save",
        "docs/measurements",
    ],
    &["test", "-p", "benchmark", "--test", "benchmark", "--", "--ignored", "documented"],
];

const COMPARISON: [&[&str]; 2] = [
    &[
        "run",
        "--release",
        "-p",
        "lab",
        "--",
        "compare",
        "--assert",
        "--save",
        "docs/measurements",
    ],
    &[
        "test",
        "-p",
        "comparison",
        "--test",
        "comparison",
        "--",
        "--ignored",
        "documented",
    ],
];

/// Measure anew and replace the figures in the documentation
///
/// Each takes about a quarter of an hour on a machine that does nothing else. Run it from
/// the top of the repository. The first step that fails ends the run: a comparison that
/// fails an assertion is not quoted.
#[derive(clap::Args, Debug)]
pub(super) struct MeasureArgs {
    /// What to measure
    #[arg(value_enum, required = true)]
    measurements: Vec<Measurement>,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Measurement {
    /// The benchmark: docs/benchmark.md and docs/measurements
    Benchmark,
    /// The comparison of the designs: docs/comparison.md and docs/measurements
    Comparison,
    /// The criterion benches: orders of magnitude in benches/README.md
    Benches,
}

pub(super) fn run(args: &MeasureArgs) -> anyhow::Result<bool> {
    let mut results = Vec::new();
    for measurement in &args.measurements {
        if matches!(measurement, Measurement::Benches) {
            remove_old_estimates()?;
        }
        for step in measurement.steps()? {
            results.push(step.run(1)?);
            if results.last().is_some_and(|result| !result.passed()) {
                print_table(&results);
                return Ok(false);
            }
        }
    }
    print_table(&results);
    Ok(true)
}

impl Measurement {
    fn steps(self) -> anyhow::Result<Vec<Step>> {
        let all = |name, steps: [&[&str]; 2]| {
            Ok(steps.map(|args| Step::cargo(name, args)).to_vec())
        };
        match self {
            Self::Benchmark => all("benchmark", BENCHMARK),
            Self::Comparison => all("comparison", COMPARISON),
            Self::Benches => benches(),
        }
    }
}

fn benches() -> anyhow::Result<Vec<Step>> {
    let bench =
        |name: &&str| Step::cargo(name, &["bench", "-p", "benches", "--bench", name]);
    let mut steps: Vec<_> = BENCHES.iter().map(bench).collect();
    let write = [
        "test",
        "--release",
        "-p",
        "benches",
        "--test",
        "orders_of_magnitude",
        "--",
        "--ignored",
    ];
    let date = output("date", &["-u", "+%F"])?;
    steps.push(Step::cargo("benches/README.md", &write).env("LAB_DATE", &date));
    Ok(steps)
}

/// Criterion keeps the estimates of earlier runs, which would be quoted as well.
fn remove_old_estimates() -> anyhow::Result<()> {
    let target =
        std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let folder = Path::new(&target).join("criterion");
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(())
}
