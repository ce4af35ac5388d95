//! `lab check-stateless`: which step of a user rests on the memory of one server.

use crate::commands::{HARNESS_BROKE, broke_off, program};
use crate::screen::{columns, remark, say};
use anyhow::Context;
use clap::Args;
use cluster::{Backing, ServerKind};
use stateless_checker::ours::{self, Ours};
use stateless_checker::{Description, Instances, Options, Report, check};
use std::path::PathBuf;
use std::process::ExitCode;

/// The exit code when the command line or the file is wrong.
const USAGE: u8 = http_edge::program::USAGE;

/// Find the step of a user that depends on the memory of one server
///
/// Sends one user's steps to different replicas, and restarts replicas between the steps
/// where it may. Says which step fails for it, what kind of state that is, and shows the
/// requests. Either for a design of this lab, or for a service of your own, in any
/// language, that a small file describes: docs/check-stateless.md.
///
/// Exit codes: 0 stateless as far as the steps show, 1 not, 2 could not tell or a usage
/// error, 3 the lab itself broke.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Base URLs of the replicas, instead of those in the file; these are not restarted
    #[arg(value_name = "URL", requires = "steps")]
    urls: Vec<String>,

    /// File that describes what a user does, and where the replicas are
    #[arg(long, value_name = "FILE", required_unless_present = "design")]
    steps: Option<PathBuf>,

    /// Value for the steps, such as password=secret, that the file is not to hold
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value,
          requires = "steps")]
    set: Vec<(String, String)>,

    /// Start two replicas of this design, and check those
    #[arg(long, value_enum, conflicts_with = "steps")]
    design: Option<ServerKind>,

    /// From where Redis and the database of Phase 2 are taken
    #[arg(long, value_enum, default_value_t, conflicts_with = "steps")]
    backing: Backing,

    /// Decides who the users are and what they send
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How often each experiment is repeated
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u8).range(1..=50))]
    rounds: u8,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: CheckArgs) -> ExitCode {
    let report = match (args.design, &args.steps) {
        (Some(design), _) if args.backing != Backing::Auto && !design.has_records() => {
            let design = design.as_str();
            let says = "the servers of Phase 1 use no services";
            Err((USAGE, anyhow::anyhow!("{says}: {design} takes no --backing")))
        }
        (Some(design), _) => {
            of_design(&args, design).await.map_err(|e| (broke_off(&e), e))
        }
        (None, Some(file)) => {
            of_service(&args, file.clone()).await.map_err(|e| (USAGE, e))
        }
        (None, None) => Err((USAGE, anyhow::anyhow!("--steps or --design is needed"))),
    };
    match report.and_then(|report| print(&args, &report).map_err(|e| (HARNESS_BROKE, e)))
    {
        Ok(code) => code,
        Err((code, error)) => {
            remark(format!("error: {error:#}\nseed {}", args.seed));
            ExitCode::from(code)
        }
    }
}

fn print(args: &CheckArgs, report: &Report) -> anyhow::Result<ExitCode> {
    match args.json {
        true => say(serde_json::to_string_pretty(report)?),
        false => say(report.in_columns(columns())),
    }
    Ok(report.verdict.exit_code())
}

fn options(args: &CheckArgs) -> Options {
    Options { seed: args.seed, rounds: usize::from(args.rounds) }
}

async fn of_design(args: &CheckArgs, design: ServerKind) -> anyhow::Result<Report> {
    let cluster = Ours::start(program()?, design, args.backing).await?;
    let description = ours::description(design);
    let report = match cluster.instances().await {
        Ok(mut instances) => tokio::select! {
            report = check(&description, &mut instances, options(args)) => Ok(report),
            () = http_edge::stop::signalled() => {
                Err(anyhow::anyhow!("interrupted before there was a verdict"))
            }
        },
        Err(error) => Err(error),
    };
    cluster.down().await;
    report
}

async fn of_service(args: &CheckArgs, file: PathBuf) -> anyhow::Result<Report> {
    let description = Description::read(&file, &args.set)?;
    let mut instances = match args.urls.as_slice() {
        [] => Instances::of(&description).with_context(|| file.display().to_string())?,
        urls => Instances::at(urls)?,
    };
    Ok(check(&description, &mut instances, options(args)).await)
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
