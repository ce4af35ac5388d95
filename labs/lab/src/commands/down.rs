//! `lab down`: stops a cluster.

use crate::commands::Named;
use crate::screen::print_line;
use clap::Args;

/// Stop the cluster
///
/// Ends every process and removes temporary folders. Uploads stay only if the cluster was
/// started with --data-dir.
#[derive(Args, Debug)]
pub(crate) struct DownArgs {
    #[command(flatten)]
    named: Named,
}

pub(crate) async fn run(args: DownArgs) -> anyhow::Result<()> {
    args.named.find().await?.down().await?;
    print_line("the cluster is stopped");
    Ok(())
}
