//! `lab demo`: predict, baseline, fault, observe, compare, reset.
//!
//! Several configurations of real processes get the same scripted users and the same fault.
//! The demo counts the effect on each user and explains it. Reading order: `scenario`,
//! `configuration`, `virtual_user`, `ledger`, `figures`, `checks`, `judgement`.

mod checks;
mod configuration;
mod demo_scenario;
mod explain;
mod figures;
#[cfg(test)]
mod fixture;
mod judgement;
mod latency;
mod ledger;
mod predict;
mod progress;
mod report;
mod resume;
mod revocation;
mod running;
mod scenario;
mod shared;
mod show;
mod testbed;
mod trials;
mod virtual_user;
mod virtual_users;

use crate::commands::{broken_off, judged, usage};
use crate::screen::{print_line, remark};
use anyhow::bail;
use clap::{Args, ValueEnum};
use configuration::DEFAULT_USERS;
use demo_scenario::DemoScenario;
use outcome::{Document, Outcome};
use running::MissingService;
use scenario::Scenario;
use std::io::IsTerminal;
use std::process::ExitCode;
use testbed::Testbed;

/// The end of a demo.
type DemoResult = anyhow::Result<Outcome>;

/// The JSON document of a demo with several configurations, described in `docs/json.md`.
const SCHEMA: &str = "lab-demo";

/// The seed of a run that has to repeat another one: in scripts and with `--assert`.
const FIXED_SEED: u64 = 1;

/// Random seeds are below this, so that they are short to type.
const MAX_RANDOM_SEED: u64 = 10_000;

/// The version of [`SCHEMA`].
const SCHEMA_VERSION: u32 = 1;

/// Show which users lose their session when servers fail
///
/// Starts two or three configurations of real servers, each behind a real load balancer.
/// All get the same scripted users and then the same fault. Sessions are in the memory of a
/// replica, in a shared store, or in a signed token in each request. The result: failed
/// requests, lost logins, and one sentence of explanation for each difference. While the
/// demo waits for Enter, the users slow down and upload nothing. It takes less than a
/// minute and leaves no process or file behind.
///
/// Exit codes: 0 done (with --assert: every check holds), 1 a check does not hold, 2 usage
/// error, 3 the demo itself broke, 4 inconclusive.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Fault to inject
    #[arg(value_enum, default_value_t = DemoScenario::KillAReplica)]
    scenario: DemoScenario,

    /// Ask no questions
    #[arg(long)]
    yes: bool,

    /// Exit 1 if a result contradicts the expected outcome, 4 if the run was inconclusive
    #[arg(long)]
    assert: bool,

    /// Print the report as JSON: docs/json.md
    #[arg(long)]
    json: bool,

    /// Seed of the users' requests and of the choice of the target replica [default: random
    /// on a terminal, otherwise 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Replica to kill, in kill-a-replica and central-store [default: chosen by the seed]
    #[arg(long, value_name = "REPLICA", value_parser = ["r1", "r2", "r3"])]
    target: Option<String>,

    /// Users of each configuration
    #[arg(long, value_name = "N", default_value_t = DEFAULT_USERS,
          value_parser = clap::value_parser!(u16).range(3..=100))]
    users: u16,
}

impl DemoArgs {
    /// Whether a person can answer questions.
    fn asks(&self) -> bool {
        !self.yes && !self.json && std::io::stdin().is_terminal()
    }

    /// The seed. Without `--seed` it is random on a terminal, and chosen at the first call.
    fn seed(&mut self) -> u64 {
        let is_script = self.assert || self.json || !std::io::stdout().is_terminal();
        *self.seed.get_or_insert_with(|| match is_script {
            true => FIXED_SEED,
            false => rand::random_range(0..MAX_RANDOM_SEED),
        })
    }

    /// # Errors
    /// When `--target` names a replica that the scenario does not kill.
    fn check_target(&self) -> anyhow::Result<()> {
        let kills_one = self.scenario.scenario().is_some_and(Scenario::has_target);
        if let (Some(target), false) = (&self.target, kills_one) {
            let value = self.scenario.to_possible_value();
            let scenario = value.as_ref().map_or("this", |value| value.get_name());
            bail!(
                "{scenario} does not choose a replica to kill: leave out --target {target}"
            );
        }
        Ok(())
    }
}

pub(crate) async fn run(mut args: DemoArgs) -> ExitCode {
    if let Err(error) = args.check_target() {
        return judged(Err(usage(error)));
    }
    let seed = args.seed();
    match perform(&args, seed).await {
        Err(error) => {
            remark(format!("error: {error:#}"));
            match error.is::<MissingService>() {
                true => Outcome::Inconclusive.exit_code(),
                false => broken_off(&error).exit_code(),
            }
        }
        Ok(outcome) if args.assert => outcome.exit_code(),
        Ok(_) => ExitCode::SUCCESS,
    }
}

async fn perform(args: &DemoArgs, seed: u64) -> DemoResult {
    match args.scenario.scenario() {
        Some(scenario) => with_many_users(scenario, args, seed).await,
        None if args.scenario == DemoScenario::RevokeAToken => {
            revocation::run(args, seed).await
        }
        None => resume::run(args, seed).await,
    }
}

/// Plays a scenario with many users and several configurations. The other two scenarios
/// have one user.
async fn with_many_users(scenario: Scenario, args: &DemoArgs, seed: u64) -> DemoResult {
    let (users, target) = (usize::from(args.users), args.target.clone());
    let mut testbed = Testbed::new(scenario, seed, users, target);
    let asks = args.asks();
    let predictions = testbed.predict(asks).await;
    testbed.set_up().await?;
    testbed.baseline().await;
    if asks {
        testbed.wait_for_enter().await;
    }
    testbed.inject().await?;
    testbed.observe().await;
    let report = testbed.compare().await?;
    testbed.reset().await;
    if args.json {
        print_line(serde_json::to_string_pretty(&Document::new(
            SCHEMA,
            SCHEMA_VERSION,
            &report,
        ))?);
        show::outcome_lines(&report).into_iter().for_each(remark);
    } else {
        show::print(&report, &predictions);
    }
    Ok(report.outcome)
}
