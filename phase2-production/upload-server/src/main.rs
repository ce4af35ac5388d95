//! Entry point: parse the command line, start the server, report errors.

use clap::Parser;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let config = upload_server::Config::parse();
    http_edge::program::exit_code(upload_server::start(config).await)
}
