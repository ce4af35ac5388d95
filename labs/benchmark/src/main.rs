//! `benchmark`: the program that `cargo lab bench` builds in release and runs.

use anyhow::ensure;
use backing_services::Backing;
use benchmark::agreement::pairs;
use benchmark::peers::PeerArgs;
use benchmark::{Plan, Report, page};
use clap::{Args, Parser, Subcommand};
use cluster::role::RoleArgs;
use comparison::machine::profile;
use std::path::PathBuf;
use std::process::ExitCode;

/// The exit code when the benchmark itself broke.
const HARNESS_BROKE: u8 = 3;

/// Measure the cost of one request, beside peers in the same rounds
///
/// Exit codes: 0 every asserted goal was reached (or --assert was not given), 1 a goal was
/// missed or two runs differ, 2 a usage error, 3 the benchmark itself broke.
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

    /// Run everything once and small, in any build: a test, and no figures
    #[arg(long, hide = true, conflicts_with = "quick")]
    smoke: bool,

    /// Keep the report in a folder: JSON, Markdown and plots, with the date in their names
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,

    /// Compare the ratios with those of a kept report, within 15 percent
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Take Redis from here
    #[arg(long, value_enum, default_value_t)]
    backing: Backing,

    /// Exit with 1 if a goal is missed, or a ratio differs from that of --against
    #[arg(long)]
    assert: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Serve(args)) => {
            http_edge::program::exit_code(cluster::role::run(*args).await)
        }
        Some(Command::Peer(args)) => {
            http_edge::program::exit_code(benchmark::peers::run(args).await)
        }
        None => match measure(&cli.args).await {
            Ok(as_promised) if cli.args.assert && !as_promised => ExitCode::FAILURE,
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::from(HARNESS_BROKE)
            }
        },
    }
}

/// Whether every goal is reached and every ratio agrees.
async fn measure(args: &BenchArgs) -> anyhow::Result<bool> {
    ensure!(
        args.smoke || profile() == "release",
        "a debug build gives no valid figures: use cargo lab bench, which builds in release"
    );
    let before = args.against.as_deref().map(Report::open).transpose()?;
    let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    let command = format!("cargo lab bench {command}").trim_end().to_owned();
    let plan = match (args.smoke, args.quick) {
        (true, _) => Plan::smoke(command),
        (_, true) => Plan::quick(command),
        _ => Plan::full(command),
    };
    let plan = Plan { backing: args.backing, ..plan };
    let report = benchmark::run(&plan, |what| eprintln!("{what}")).await?;
    if let Some(folder) = &args.save {
        let [json, markdown] = report.save(folder)?;
        eprintln!("Kept as {} and {}", json.display(), markdown.display());
    }
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => println!("{}", page::text(&report)),
    }
    let missed = report.targets().iter().any(|target| target.reached() == Some(false));
    let differ = before.is_some_and(|before| compare(&before, &report));
    Ok(!missed && !differ)
}

/// Prints the ratios of two runs; returns whether any of them differs.
fn compare(before: &Report, now: &Report) -> bool {
    let pairs = pairs(before, now);
    eprintln!("\nCompared with the run of {}:", before.made.date);
    for pair in &pairs {
        eprintln!("  {}", pair.line());
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
}
