//! The program: parses the command line and starts the server.

use clap::Parser;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let config = stateless_server::Config::parse();
    http_edge::program::exit_code(stateless_server::start(config).await)
}
