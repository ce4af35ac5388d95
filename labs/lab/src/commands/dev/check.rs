//! `lab dev check`: the author's check of every exercise.

use super::exercise;
use crate::commands::exercise::{sandbox, seed};
use crate::screen::print_line;
use console::style;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use grader::author::{AuthorCheck, AuthorCheckResult};
use grader::{LabPaths, Manifest};

/// Check that the exercises work
///
/// Each starter fails for the reason in its manifest, each solution passes with every
/// seed, each wrong answer fails with its transcript, and each README lists the checks.
#[derive(clap::Args, Debug)]
pub(super) struct CheckArgs {
    /// Check this exercise alone; may be repeated
    #[arg(long, value_name = "ID")]
    only: Vec<String>,

    /// Fail if a solution is missing
    #[arg(long)]
    require_solutions: bool,

    /// The number of seeds with which each solution has to pass
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeat: u32,

    /// The first seed; random by default
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// The number of exercises checked at a time; by default the number of processors
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,

    /// Write the transcripts of the wrong answers instead of comparing with them
    #[arg(long)]
    record: bool,
}

pub(super) async fn check(args: &CheckArgs) -> anyhow::Result<bool> {
    let paths = LabPaths::here()?;
    let author = AuthorCheck {
        paths: paths.clone(),
        sandbox: sandbox()?,
        seed: args.seed.unwrap_or_else(seed),
        repeat: args.repeat,
        require_solutions: args.require_solutions,
        record: args.record,
    };
    print_line(format_args!("solutions from seed {}", author.seed));
    let manifests = selected(args, &paths)?.into_iter();
    let checks = manifests.map(|manifest| check_exercise(&author, manifest));
    let jobs = args.jobs.unwrap_or_else(processors).max(1);
    let passed: Vec<bool> =
        stream::iter(checks).buffer_unordered(jobs).try_collect().await?;
    Ok(passed.into_iter().all(|passed| passed))
}

async fn check_exercise(
    author: &AuthorCheck,
    manifest: Manifest,
) -> anyhow::Result<bool> {
    let suite = checks::suite(&manifest.id)?;
    let short = style(manifest.short_id()).bold().to_string();
    Ok(author.run(&manifest, suite, |result| report(&short, result)).await)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn selected(args: &CheckArgs, paths: &LabPaths) -> anyhow::Result<Vec<Manifest>> {
    if args.only.is_empty() {
        return paths.all();
    }
    args.only.iter().map(|id| exercise(paths, id)).collect()
}

/// Results of several exercises are mixed, so each line names its exercise.
fn report(exercise: &str, result: &AuthorCheckResult) {
    match &result.failure {
        None => print_line(format_args!(
            "{exercise} {} {}",
            style("✔").green(),
            result.property
        )),
        Some(failure) => {
            print_line(format_args!(
                "{exercise} {} {}",
                style("✘").red(),
                result.property
            ));
            failure.lines().for_each(|line| print_line(format_args!("      {line}")));
        }
    }
}
