//! `benchmark`: the program that `cargo lab bench` builds in release and runs.

use anyhow::ensure;
use backing_services::Backing;
use benchmark::agreement::ratio_pairs;
use benchmark::peers::PeerArgs;
use benchmark::{Plan, Report, page};
use clap::{Args, Parser, Subcommand};
use cluster::role::RoleArgs;
use comparison::machine::profile;
use outcome::Outcome;
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
    match cli.command {
        Some(Command::Serve(args)) => {
            http_edge::program::exit_code(cluster::role::run(*args).await)
        }
        Some(Command::Peer(args)) => {
            http_edge::program::exit_code(benchmark::peers::run(args).await)
        }
        None => match measure(&cli.args).await {
            Ok(outcome) if cli.args.assert => outcome.exit_code(),
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error:#}");
                Outcome::HarnessError.exit_code()
            }
        },
    }
}

/// Measures, prints the report, and judges it.
async fn measure(args: &BenchArgs) -> anyhow::Result<Outcome> {
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
    let differ = before.is_some_and(|before| compare(&before, &report));
    let ratios = if differ { Outcome::Fail } else { Outcome::Pass };
    let goals = report.goals();
    let goals = goals.iter().map(|goal| match goal.is_reached() {
        Some(true) => Outcome::Pass,
        Some(false) => Outcome::Fail,
        None => Outcome::Inconclusive,
    });
    Ok(Outcome::of(goals.chain([ratios])))
}

/// Prints where two runs agree. Returns whether they differ anywhere.
fn compare(before: &Report, now: &Report) -> bool {
    let pairs = ratio_pairs(before, now);
    eprintln!("\nCompared with the run of {}:", before.run_info.date);
    for pair in &pairs {
        eprintln!("  {}", pair.text_line());
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
