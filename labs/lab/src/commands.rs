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
use cluster::Program;
use cluster::control::DEFAULT_NAME;
use cluster::control::client::ControlClient;
pub(crate) use http_edge::program::exit_code as ended;

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
