//! One file for each command, and their common parts: the running cluster, exit codes.

pub(crate) mod add;
pub(crate) mod bench;
pub(crate) mod check_stateless;
pub(crate) mod compare;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod exercise;
pub(crate) mod grade;
pub(crate) mod hint;
pub(crate) mod interrupt;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod members;
pub(crate) mod migrate;
pub(crate) mod reset;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod solution;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod user;
pub(crate) mod watch;

use anyhow::Context;
pub(crate) use http_edge::program::exit_code as ended;
use launcher::control::DEFAULT_NAME;
use launcher::control::client::ControlClient;
use launcher::{BalancerTimeout, Program};
use outcome::Outcome;
use std::process::ExitCode;

/// The outcome of a judging command that ended with an error. A machine that is too busy
/// shows nothing about the lab, so that error is inconclusive.
pub(crate) fn broken_off(error: &anyhow::Error) -> Outcome {
    if error.is::<BalancerTimeout>() {
        Outcome::Inconclusive
    } else {
        Outcome::HarnessError
    }
}

/// The name of a cluster.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Named {
    /// Name of the cluster, if several are up
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME)]
    pub(crate) name: String,
}

impl Named {
    /// The cluster, which must be up.
    pub(crate) async fn find(&self) -> anyhow::Result<ControlClient> {
        ControlClient::find(&self.name).await?.with_context(|| {
            let name = &self.name;
            let up = self.hint("up");
            format!("no cluster named {name} is up. Start one in another terminal: {up}")
        })
    }

    /// A command to recommend, for the cluster of this name.
    pub(crate) fn hint(&self, command: &str) -> String {
        launcher::commands::hint(command, &self.name)
    }
}

/// This program, for the roles of a cluster.
pub(crate) fn program() -> anyhow::Result<Program> {
    let path = std::env::current_exe().context("cannot find this program")?;
    Ok(Program { path, prefix: vec!["serve".into()] })
}

/// An error that the user can fix on the command line. Of a command that judges, every
/// other error means that the lab broke.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
struct Usage(anyhow::Error);

/// Marks an error as one of usage.
pub(crate) fn usage(error: anyhow::Error) -> anyhow::Error {
    Usage(error).into()
}

/// The exit code of a command that judges. It tells a lab that broke from a failed check.
pub(crate) fn judged(result: anyhow::Result<Outcome>) -> ExitCode {
    match result {
        Ok(outcome) => outcome.exit_code(),
        Err(error) if error.is::<Usage>() => ended(Err(error)),
        Err(error) => {
            let _replaced = ended(Err(error.context("the lab itself broke")));
            Outcome::HarnessError.exit_code()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Duration;

    #[test]
    fn missing_lab_and_unknown_exercise_have_different_exit_codes() {
        let code = |error| format!("{:?}", judged(Err(error)));
        let nowhere = Path::new("/nowhere");
        let gone = grader::LabPaths::at(nowhere, nowhere).expect_err("it is missing");
        assert_eq!(code(gone), format!("{:?}", ExitCode::from(3)));
        let mistyped = usage(anyhow::anyhow!("no exercise is called p9"));
        assert_eq!(code(mistyped), format!("{:?}", ExitCode::from(2)));
    }

    #[test]
    fn busy_machine_is_inconclusive_and_not_a_harness_error() {
        let order = "PUT backends/r1".to_owned();
        let too_busy = BalancerTimeout { order, waited: Duration::from_secs(15) };
        let error = anyhow::Error::new(too_busy).context("memory, sticky");
        assert_eq!(broken_off(&error), Outcome::Inconclusive);
        let other = anyhow::anyhow!("no such folder");
        assert_eq!(broken_off(&other), Outcome::HarnessError);
    }
}
