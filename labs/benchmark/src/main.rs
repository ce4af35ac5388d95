//! `benchmark`: the program that `cargo lab bench` builds in release and runs.

use anyhow::{Context, ensure};
use backing_services::Backing;
use benchmark::agreement::ratio_pairs;
use benchmark::goals::performance_goals;
use benchmark::peers::PeerArgs;
use benchmark::save::save;
use benchmark::{Plan, Report, page};
use clap::{Args, Parser, Subcommand};
use launcher::role::RoleArgs;
use outcome::Outcome;
use outcome::output::{finish, print_line, remark};
use report::machine::profile;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measure what one request costs, beside peers in the same rounds
///
/// Exit codes: 0 pass (or no --assert), 1 a target was missed or a ratio differs, 2 usage
/// error, 3 the benchmark itself broke, 4 inconclusive: a target could not be measured.
#[derive(Parser)]
#[command(name = "benchmark", bin_name = "cargo lab bench", version, max_term_width = 90)]
struct Cli {
    #[command(flatten)]
    args: BenchArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Play one role of a cluster (started by the benchmark itself)
    #[command(hide = true)]
    Serve(Box<RoleArgs>),
    /// Play a peer (started by the benchmark itself)
    #[command(hide = true)]
    Peer(PeerArgs),
}

#[derive(Args)]
struct BenchArgs {
    /// Run fewer and shorter rounds: a few minutes
    #[arg(long)]
    quick: bool,

    /// Run everything once and small, in any build. The figures mean nothing
    #[arg(long, hide = true, conflicts_with = "quick")]
    smoke: bool,

    /// Save the report in a folder as JSON, Markdown and plots, with the date in the names
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,

    /// Compare the ratios with those of a saved report, within 15 percent
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Source of Redis
    #[arg(long, value_enum, default_value_t)]
    backing: Backing,

    /// Judge the run by its exit code: see above
    #[arg(long)]
    assert: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let code = match cli.command {
        Some(Command::Serve(args)) => {
            http_edge::program::exit_code(launcher::role::run(*args).await)
        }
        Some(Command::Peer(args)) => {
            http_edge::program::exit_code(benchmark::peers::run(args).await)
        }
        None => match measure(&cli.args).await {
            Ok(outcome) if cli.args.assert => outcome.exit_code(),
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                remark(format_args!("error: {error:#}"));
                Outcome::HarnessError.exit_code()
            }
        },
    };
    finish(code)
}

/// Measures, prints the report, and judges it.
async fn measure(args: &BenchArgs) -> anyhow::Result<Outcome> {
    ensure!(
        args.smoke || profile() == "release",
        "a debug build gives no valid figures: use cargo lab bench, which builds in release"
    );
    check_folder(args)?;
    let before = args.against.as_deref().map(Report::open).transpose()?;
    let plan = plan(args);
    let report = benchmark::run(&plan, |what| remark(format_args!("{what}"))).await?;
    match args.json {
        true => print_line(serde_json::to_string_pretty(&report)?),
        false => print_line(page::text(&report)),
    }
    let differ = before.is_some_and(|before| compare(&before, &report));
    let ratios = if differ { Outcome::Fail } else { Outcome::Pass };
    let goals = performance_goals(&report);
    let goals = goals.iter().map(|goal| match goal.is_reached() {
        Some(true) => Outcome::Pass,
        Some(false) => Outcome::Fail,
        None => Outcome::Inconclusive,
    });
    let outcome = Outcome::of(goals.chain([ratios]));
    // The report was shown, also if it cannot be saved.
    if let Some(folder) = &args.save {
        let [json, markdown] = save(&report, folder)?;
        remark(format_args!("Kept as {} and {}", json.display(), markdown.display()));
    }
    Ok(outcome)
}

/// An unwritable folder is noticed before the measurement.
fn check_folder(args: &BenchArgs) -> anyhow::Result<()> {
    let Some(folder) = &args.save else { return Ok(()) };
    outcome::file::check_folder(folder)
        .with_context(|| format!("cannot write to {}", folder.display()))
}

fn plan(args: &BenchArgs) -> Plan {
    let command = outcome::arguments().collect::<Vec<_>>().join(" ");
    let command = format!("cargo lab bench {command}").trim_end().to_owned();
    let plan = match (args.smoke, args.quick) {
        (true, _) => Plan::smoke(command),
        (_, true) => Plan::quick(command),
        _ => Plan::full(command),
    };
    Plan { backing: args.backing, ..plan }
}

/// Prints where two runs agree. Returns whether they differ anywhere.
fn compare(before: &Report, now: &Report) -> bool {
    let pairs = ratio_pairs(before, now);
    remark(format_args!("\nCompared with the run of {}:", before.run_info.date));
    for pair in &pairs {
        remark(format_args!("  {}", pair.text_line()));
    }
    pairs.iter().any(|pair| !pair.agrees())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[tokio::test]
    async fn unwritable_folder_is_refused_before_the_measurement() {
        let cli = Cli::parse_from(["benchmark", "--smoke", "--save", "/dev/null/kept"]);
        let refused = measure(&cli.args).await.expect_err("a device is no folder");
        let refused = format!("{refused:#}");
        assert!(refused.contains("cannot write to /dev/null/kept"), "{refused}");
    }
}
