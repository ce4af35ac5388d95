//! What a process can be. One program plays every role, so that no path to another
//! program has to be guessed, and a kill is the kill of a real process.

use crate::parent;
use crate::reaper;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// A role and whose child it is.
#[derive(Args, Clone, Debug)]
pub struct RoleArgs {
    /// Die when the process with this id does
    #[arg(long, value_name = "PID")]
    parent: Option<i32>,

    /// What to be
    #[command(subcommand)]
    role: Role,
}

/// What a process can be.
#[derive(Subcommand, Clone, Debug)]
enum Role {
    /// The upload server that remembers who you are
    Stateful(stateful_server::Config),
    /// The upload server that asks who you are each time
    Stateless(stateless_server::Config),
    /// The upload server for production, in one of five designs
    Upload(Box<upload_server::Config>),
    /// The load balancer before them
    Balancer(load_balancer::config::BalancerArgs),
    /// Removes a launcher's folder once the launcher is gone
    Reaper {
        /// The folder
        #[arg(long)]
        dir: PathBuf,
    },
}

/// Plays the role until told to stop.
///
/// # Errors
/// When something on the command line cannot be used.
pub async fn run(args: RoleArgs) -> anyhow::Result<()> {
    if let Role::Reaper { dir } = &args.role {
        return reaper::run(dir);
    }
    if let Some(pid) = args.parent {
        parent::die_with(pid)?;
    }
    match args.role {
        Role::Stateful(config) => stateful_server::start(config).await,
        Role::Stateless(config) => stateless_server::start(config).await,
        Role::Upload(config) => upload_server::start(*config).await,
        Role::Balancer(args) => load_balancer::start(args).await,
        Role::Reaper { .. } => Ok(()),
    }
}
