//! A program that plays one role of a cluster for the checker's tests. Outside of tests, `lab`
//! does it.

use clap::Parser;
use launcher::role::{self, RoleArgs};
use std::process::ExitCode;

/// Plays one role of a cluster.
#[derive(Parser)]
#[command(name = "checker-role")]
struct Cli {
    #[command(flatten)]
    role: RoleArgs,
}

#[tokio::main]
async fn main() -> ExitCode {
    http_edge::program::exit_code(role::run(Cli::parse().role).await)
}
