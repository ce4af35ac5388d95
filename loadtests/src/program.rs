//! The entry point of every program: a load test or, in a process of its cluster, a role.

use crate::load_test::LoadTest;
use crate::report::Report;
use crate::run::run;
use crate::settings::{Flags, Settings};
use crate::text_report::text_report;
use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use http_edge::{program, stop};
use launcher::role::{self, RoleArgs};
use outcome::Outcome;
use outcome::output::{finish, print, remark};
use std::process::ExitCode;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Interval between checks whether goose was stopped.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Parser)]
#[command(
    version,
    max_term_width = 90,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(flatten)]
    flags: Flags,

    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Run one process of a cluster (started by the launcher)
    #[command(hide = true)]
    Serve(RoleArgs),
}

/// Runs a load test. Exit codes: 0 every check holds, 1 one does not, 2 usage error, 3 the
/// load test itself broke, 4 inconclusive.
#[must_use]
pub fn run_load_test(load_test: &'static LoadTest) -> ExitCode {
    let cli =
        parse_args(load_test, std::env::args_os()).unwrap_or_else(|error| error.exit());
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return program::exit_code(Err(error.into())),
    };
    match cli.role {
        Some(Role::Serve(role)) => program::exit_code(runtime.block_on(role::run(role))),
        None => finish(runtime.block_on(run_and_publish(load_test, cli.flags))),
    }
}

fn parse_args(
    load_test: &LoadTest,
    line: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Cli, clap::Error> {
    let defaults = load_test.defaults;
    let about = format!(
        "{}\n\nDefaults: {} replicas, {} users, {} requests a second of each, {} \
         seconds.\n\nExit codes: 0 every check holds, 1 one does not, 2 usage error, 3 the \
         load test itself broke, 4 inconclusive.",
        load_test.purpose,
        defaults.replicas,
        defaults.users,
        defaults.rate,
        defaults.seconds
    );
    let mut command = Cli::command().name(load_test.name).about(about);
    let matches = command.try_get_matches_from_mut(line)?;
    Cli::from_arg_matches(&matches)
}

async fn run_and_publish(load_test: &'static LoadTest, flags: Flags) -> ExitCode {
    let settings = match Settings::of(load_test, flags) {
        Ok(settings) => settings,
        Err(error) => return program::exit_code(Err(error)),
    };
    match run_and_report(load_test, &settings).await {
        Ok(outcome) => outcome.exit_code(),
        Err(error) => {
            remark(format_args!("error: {error:#}"));
            Outcome::HarnessError.exit_code()
        }
    }
}

async fn run_and_report(
    load_test: &'static LoadTest,
    settings: &Settings,
) -> anyhow::Result<Outcome> {
    check_files(settings)?;
    start_logging();
    http_edge::descriptors::raise_descriptor_limit();
    http_edge::crypto::install_provider();
    let stop = CancellationToken::new();
    let signal_task = tokio::spawn(cancel_on_signal(stop.clone()));
    let result = run(load_test, settings, repeat_command(load_test), &stop).await;
    signal_task.abort();
    write_report(result?, settings)
}

/// An unwritable file is noticed before the load.
fn check_files(settings: &Settings) -> anyhow::Result<()> {
    for path in settings.json.iter().chain(&settings.html) {
        outcome::file::check(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn write_report(report: Option<Report>, settings: &Settings) -> anyhow::Result<Outcome> {
    let Some(report) = report else {
        remark("stopped early: no result");
        return Ok(Outcome::Inconclusive);
    };
    print(text_report(&report));
    if let Some(path) = &settings.json {
        let json = serde_json::to_string_pretty(&report)? + "\n";
        outcome::file::replace(path, json)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report.outcome)
}

/// The command line, without the path of this program.
fn repeat_command(load_test: &LoadTest) -> String {
    let cargo = match cfg!(debug_assertions) {
        true => "cargo run",
        false => "cargo run --release",
    };
    let args: Vec<_> = outcome::arguments().collect();
    let line =
        format!("{cargo} -p loadtests --bin {} -- {}", load_test.name, args.join(" "));
    line.trim_end_matches(" -- ").to_owned()
}

/// Goose logs every failed request; the report counts them.
fn start_logging() {
    let filter = EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("warn,goose=off"));
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    let _already_started = log
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .with_ansi(false)
        .with_target(false)
        .try_init();
}

/// Goose listens for Ctrl-C itself while its users run, and may be the only receiver of the
/// signal then.
async fn cancel_on_signal(stop: CancellationToken) {
    let mut signal = std::pin::pin!(stop::shutdown_signal());
    while !goose::is_killswitch_triggered() {
        if tokio::time::timeout(POLL_INTERVAL, &mut signal).await.is_ok() {
            break;
        }
    }
    remark("stopping");
    stop.cancel();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load_test::{Defaults, FaultSchedule, Workload};

    const LOAD_TEST: LoadTest = LoadTest {
        name: "a_load_test",
        purpose: "Tests the command line.",
        workload: Workload::Sessions,
        fault_schedule: FaultSchedule::NoFault,
        defaults: Defaults { replicas: 3, users: 20, seconds: 30, rate: 2.0 },
        smoke_defaults: Defaults::SMOKE,
    };

    fn cli(line: &str) -> Result<Cli, clap::Error> {
        parse_args(&LOAD_TEST, line.split_whitespace().map(Into::into))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
        assert!(cli("a_load_test").is_ok_and(|cli| cli.role.is_none()));
    }

    #[tokio::test]
    async fn unwritable_report_is_refused_before_the_load() {
        for option in ["--json /dev/null/report.json", "--html /dev/null/report.html"] {
            let cli = cli(&format!("a_load_test {option}")).expect("well-formed");
            let settings = Settings::of(&LOAD_TEST, cli.flags).expect("valid");
            let refused = run_and_report(&LOAD_TEST, &settings).await;
            let refused = refused.expect_err("a device is no folder").to_string();
            assert!(refused.contains("cannot write /dev/null/report"), "{refused}");
        }
    }

    #[test]
    fn cluster_process_runs_its_role() {
        let role = cli("a_load_test serve balancer");
        assert!(role.is_ok_and(|cli| cli.role.is_some()));
    }

    #[test]
    fn help_shows_purpose_and_defaults() {
        let Err(help) = cli("a_load_test --help") else {
            panic!("--help ends the program");
        };
        let help = help.to_string();
        assert!(help.contains(LOAD_TEST.purpose) && help.contains("20 users"), "{help}");
        assert!(!help.contains("launcher starts"), "{help}");
    }
}
