//! One file a command, and what they share: finding the cluster that runs.

pub(crate) mod add;
pub(crate) mod bench;
pub(crate) mod cage;
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
pub(crate) mod solution;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod watch;

use anyhow::Context;
use cluster::control::DEFAULT_NAME;
use cluster::control::client::ControlClient;
use cluster::{Program, TooBusy};
pub(crate) use http_edge::program::exit_code as ended;

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_machine_that_is_too_busy_is_no_broken_lab() {
        let order = "PUT backends/r1".to_owned();
        let too_busy = TooBusy { order, waited: Duration::from_secs(15) };
        let told = anyhow::Error::new(too_busy).context("memory, sticky");
        assert_eq!(broke_off(&told), COULD_NOT_TELL);
        assert_eq!(broke_off(&anyhow::anyhow!("no such folder")), HARNESS_BROKE);
    }
}
