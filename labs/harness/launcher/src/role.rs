//! The roles of a process. One program runs every role, so that the launcher needs no path to
//! another program and a kill ends a real process.

use clap::{Args, Subcommand};
use process::parent;

/// A role, and the id of its parent process.
#[derive(Args, Clone, Debug)]
pub struct RoleArgs {
    /// Exit when the process with this id ends
    #[arg(long, value_name = "PID")]
    parent: Option<i32>,

    /// The role
    #[command(subcommand)]
    role: Role,
}

/// The roles of a process.
#[derive(Subcommand, Clone, Debug)]
enum Role {
    /// Run the stateful server of Phase 1 (sessions)
    Stateful(stateful_server::Config),
    /// Run the stateless server of Phase 1 (tokens)
    Stateless(stateless_server::Config),
    /// Run the upload server of Phase 2, in one of five designs
    Upload(Box<upload_server::Config>),
    /// Run the load balancer
    Balancer(load_balancer::config::BalancerArgs),
}

/// Runs the role until the process is told to stop.
///
/// # Errors
/// When an argument is invalid.
pub async fn run(args: RoleArgs) -> anyhow::Result<()> {
    if let Some(pid) = args.parent {
        parent::exit_with_parent(pid)?;
    }
    match args.role {
        Role::Stateful(config) => stateful_server::start(config).await,
        Role::Stateless(config) => stateless_server::start(config).await,
        Role::Upload(config) => upload_server::start(*config).await,
        Role::Balancer(args) => load_balancer::start(args).await,
    }
}
