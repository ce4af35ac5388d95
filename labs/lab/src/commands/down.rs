//! `lab down`: the end of a cluster.

use crate::commands::Named;
use crate::screen::say;
use clap::Args;

/// Stop the cluster that `cargo lab up` started
///
/// Every process ends, temporary folders are removed. Uploads stay only if `cargo lab up`
/// was given a --data-dir.
#[derive(Args, Debug)]
pub(crate) struct DownArgs {
    #[command(flatten)]
    named: Named,
}

pub(crate) async fn run(args: DownArgs) -> anyhow::Result<()> {
    args.named.find().await?.down().await?;
    say("everything is stopped");
    Ok(())
}
