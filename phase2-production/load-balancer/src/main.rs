//! The program: reads the command line and runs the balancer.

use clap::Parser;
use load_balancer::config::BalancerArgs;
use std::process::ExitCode;

/// Run a load balancer: health checks, round robin or sticky, no request sent twice
#[derive(Parser)]
#[command(name = "load-balancer", version, args_override_self = true)]
struct CommandLine {
    #[command(flatten)]
    args: BalancerArgs,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = CommandLine::parse().args;
    http_edge::program::exit_code(load_balancer::start(args).await)
}
