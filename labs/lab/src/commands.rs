//! One file a command, and what they share: finding the cluster that runs.

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
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod migrate;
pub(crate) mod orders;
pub(crate) mod reset;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod solution;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod watch;

use anyhow::Context;
use cluster::control::DEFAULT_NAME;
use cluster::control::client::ControlClient;
use cluster::{Program, TooBusy};
use grader::Verdict;
pub(crate) use http_edge::program::exit_code as ended;
use std::process::ExitCode;

/// The exit code when a run shows neither that it is as it should be nor that it is not.
const COULD_NOT_TELL: u8 = 2;

/// The exit code when the lab itself broke and nothing can be said.
pub(crate) const HARNESS_BROKE: u8 = 3;

/// What a judging command ends with that did not get to its verdict: a machine that is too
/// busy says nothing about the lab.
pub(crate) fn broke_off(error: &anyhow::Error) -> u8 {
    if error.is::<TooBusy>() { COULD_NOT_TELL } else { HARNESS_BROKE }
}

/// Which cluster is meant.
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
            format!(
                "no cluster named {name} is up. Start one in another terminal: cargo lab up"
            )
        })
    }
}

/// This program, playing a role.
pub(crate) fn program() -> anyhow::Result<Program> {
    let path = std::env::current_exe().context("cannot find this program")?;
    Ok(Program { path, prefix: vec!["serve".into()] })
}

/// What whoever typed the command can put right. Of a command that judges, every other
/// error means that the lab broke.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
struct Usage(anyhow::Error);

/// Marks an error as one of usage.
pub(crate) fn usage(error: anyhow::Error) -> anyhow::Error {
    Usage(error).into()
}

/// The exit code of a command that judges. Who calls it from a program must be able to
/// tell a lab that broke from a judgement.
pub(crate) fn judged(outcome: anyhow::Result<Verdict>) -> ExitCode {
    match outcome {
        Ok(verdict) => ExitCode::from(verdict.code()),
        Err(error) if error.is::<Usage>() => ended(Err(error)),
        Err(error) => {
            let _the_code_says_it_too = ended(Err(error.context("the lab itself broke")));
            ExitCode::from(Verdict::Broken.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Duration;

    #[test]
    fn a_lab_that_is_not_where_it_was_is_no_verdict_on_anybody() {
        let code = |error| format!("{:?}", judged(Err(error)));
        let nowhere = Path::new("/nowhere");
        let gone = grader::Home::at(nowhere, nowhere).expect_err("it is not there");
        assert_eq!(code(gone), format!("{:?}", ExitCode::from(3)));
        let mistyped = usage(anyhow::anyhow!("no exercise is called p9"));
        assert_eq!(code(mistyped), format!("{:?}", ExitCode::from(2)));
    }

    #[test]
    fn a_machine_that_is_too_busy_is_no_broken_lab() {
        let order = "PUT backends/r1".to_owned();
        let too_busy = TooBusy { order, waited: Duration::from_secs(15) };
        let told = anyhow::Error::new(too_busy).context("memory, sticky");
        assert_eq!(broke_off(&told), COULD_NOT_TELL);
        assert_eq!(broke_off(&anyhow::anyhow!("no such folder")), HARNESS_BROKE);
    }
}
