//! `lab demo`: predict, baseline, fault, observe, compare, reset.
//!
//! The same crowd of scripted users stands before three lanes of real processes; the same
//! fault strikes all three; what each user went through is counted and explained. Reading
//! order: `scenario`, `lane`, `user`, `ledger`, `read_back`, `figures`, `facts`, `verdict`.

mod choice;
mod crowd;
mod explain;
mod facts;
mod figures;
mod lane;
mod ledger;
mod login;
mod predict;
mod progress;
mod read_back;
mod report;
mod resume;
mod revocation;
mod running_lane;
mod scenario;
mod shared;
mod show;
#[cfg(test)]
mod specimen;
mod stage;
mod story;
mod user;
mod verdict;

use crate::commands::broke_off;
use crate::screen::{remark, say};
use choice::Choice;
use clap::Args;
use scenario::Scenario;
use stage::Stage;
use std::io::IsTerminal;
use std::process::ExitCode;
use verdict::Verdict;

/// Something that a scenario needs and this machine does not have: the run can tell nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Missing(&'static str);

/// Show who is logged out when servers fail, and why
///
/// Lanes of real servers, each behind a real load balancer, get the same crowd of
/// scripted users and then the same fault. In some lanes a server remembers who is logged
/// in, in some a store does, in some each request proves it. At the end: how many requests
/// failed, how many logins were lost, and one sentence of explanation for each
/// difference. While it waits for you to press Enter, the users slow down and upload
/// nothing. It takes well under a minute and leaves nothing behind.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// What happens to the servers
    #[arg(value_enum, default_value_t = Choice::KillAReplica)]
    scenario: Choice,

    /// Ask nothing
    #[arg(long)]
    yes: bool,

    /// Exit with 1 if what happened is not what the concepts say, 2 if it shows neither
    #[arg(long)]
    assert: bool,

    /// Print the figures as JSON
    #[arg(long)]
    json: bool,

    /// Decides what users do and which replica is killed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Users in each lane
    #[arg(long, value_name = "N", default_value_t = 12,
          value_parser = clap::value_parser!(u16).range(3..=100))]
    users: u16,
}

pub(crate) async fn run(args: DemoArgs) -> ExitCode {
    match perform(&args).await {
        Err(error) => {
            remark(format!("error: {error:#}"));
            match error.is::<Missing>() {
                true => Verdict::CouldNotTell.exit_code(),
                false => ExitCode::from(broke_off(&error)),
            }
        }
        Ok(verdict) if args.assert => verdict.exit_code(),
        Ok(_) => ExitCode::SUCCESS,
    }
}

async fn perform(args: &DemoArgs) -> anyhow::Result<Verdict> {
    match args.scenario.scenario() {
        Some(scenario) => with_a_crowd(scenario, args).await,
        None if args.scenario == Choice::RevokeAToken => revocation::tell(args).await,
        None => resume::tell(args).await,
    }
}

/// Acts for a crowd before several lanes; the other two are told with one user.
async fn with_a_crowd(scenario: Scenario, args: &DemoArgs) -> anyhow::Result<Verdict> {
    let mut stage = Stage::new(scenario, args.seed, usize::from(args.users));
    let asks = !args.yes && !args.json && std::io::stdin().is_terminal();
    let predictions = stage.predict(asks);
    stage.set_up().await?;
    stage.baseline().await;
    if asks {
        stage.wait_for_enter().await;
    }
    stage.strike().await?;
    stage.observe().await;
    let report = stage.compare().await?;
    stage.reset().await;
    if args.json {
        say(serde_json::to_string_pretty(&report)?);
        show::verdict(&report).into_iter().for_each(remark);
    } else {
        show::print(&report, &predictions);
    }
    Ok(report.verdict)
}
