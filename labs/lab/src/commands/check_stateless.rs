//! `lab check-stateless`: finds the step of a user that depends on one replica.

use crate::commands::{broken_off, program};
use crate::screen::{columns, print_line, remark};
use anyhow::Context;
use clap::Args;
use launcher::{Backing, ServerKind};
use outcome::{Document, Outcome, USAGE};
use stateless_checker::lab_cluster::{self, LabCluster};
use stateless_checker::{
    Description, Instances, Options, Report, SCHEMA, SCHEMA_VERSION, check,
};
use std::path::PathBuf;
use std::process::ExitCode;

/// Find the step of a user that depends on one replica
///
/// Sends the steps of one user to different replicas, and restarts replicas between the
/// steps if it can. Prints the step that fails, the kind of state, and the requests. It
/// checks a design of this lab, or a service of yours in any language that a small file
/// describes: docs/check-stateless.md.
///
/// Exit codes: 0 stateless as far as the steps show, 1 not stateless, 2 usage error, 3 the
/// lab itself broke, 4 inconclusive.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Base URLs of the replicas, instead of those in the file; these are not restarted
    #[arg(value_name = "URL", requires = "steps")]
    urls: Vec<String>,

    /// File with the steps of a user and the addresses of the replicas
    #[arg(long, value_name = "FILE", required_unless_present = "design")]
    steps: Option<PathBuf>,

    /// Value for the steps that is not in the file, such as password=secret
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value,
          requires = "steps")]
    set: Vec<(String, String)>,

    /// Start two replicas of this design and check them
    #[arg(long, value_enum, conflicts_with = "steps")]
    design: Option<ServerKind>,

    /// Source of Redis and of the database of Phase 2
    #[arg(long, value_enum, default_value_t, conflicts_with = "steps")]
    backing: Backing,

    /// Seed of the users and of their requests
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Repetitions of each experiment
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u8).range(1..=50))]
    rounds: u8,

    /// Print the report as JSON: docs/json.md
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: CheckArgs) -> ExitCode {
    let report = match (args.design, &args.steps) {
        (Some(design), _) if args.backing != Backing::Auto && !design.has_records() => {
            let design = design.as_str();
            let message = "the servers of Phase 1 use no services";
            Err((USAGE, anyhow::anyhow!("{message}: {design} takes no --backing")))
        }
        (Some(design), _) => {
            let report = of_design(&args, design).await;
            report.map_err(|error| (broken_off(&error).code(), error))
        }
        (None, Some(file)) => {
            of_service(&args, file.clone()).await.map_err(|e| (USAGE, e))
        }
        (None, None) => Err((USAGE, anyhow::anyhow!("--steps or --design is needed"))),
    };
    let broken = |error| (Outcome::HarnessError.code(), error);
    match report.and_then(|report| print(&args, &report).map_err(broken)) {
        Ok(code) => code,
        Err((code, error)) => {
            remark(format!("error: {error:#}\nseed {}", args.seed));
            ExitCode::from(code)
        }
    }
}

fn print(args: &CheckArgs, report: &Report) -> anyhow::Result<ExitCode> {
    match args.json {
        true => print_line(serde_json::to_string_pretty(&Document::new(
            SCHEMA,
            SCHEMA_VERSION,
            report,
        ))?),
        false => print_line(report.in_columns(columns())),
    }
    Ok(report.outcome.exit_code())
}

fn options(args: &CheckArgs) -> Options {
    Options { seed: args.seed, rounds: usize::from(args.rounds) }
}

async fn of_design(args: &CheckArgs, design: ServerKind) -> anyhow::Result<Report> {
    let cluster = LabCluster::start(program()?, design, args.backing).await?;
    let description = lab_cluster::description(design);
    let report = match cluster.instances().await {
        Ok(mut instances) => Ok(check(&description, &mut instances, options(args)).await),
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
