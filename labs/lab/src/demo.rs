//! placeholder
use std::process::ExitCode;
/// x
#[derive(clap::Args)]
pub(crate) struct DemoArgs {}
pub(crate) async fn run(_args: DemoArgs) -> ExitCode { ExitCode::SUCCESS }
