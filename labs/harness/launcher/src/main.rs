//! A program that runs one role of a cluster, for the launcher's tests. Users run `lab`.

use clap::Parser;
use launcher::role::{self, RoleArgs};
use std::process::ExitCode;

/// Run one role of a cluster
#[derive(Parser)]
#[command(name = "cluster-role")]
struct Cli {
    #[command(flatten)]
    role: RoleArgs,
}

#[tokio::main]
async fn main() -> ExitCode {
    http_edge::program::exit_code(role::run(Cli::parse().role).await)
}
