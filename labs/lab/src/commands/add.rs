//! `lab add`: starts one more replica.

use crate::commands::Named;
use crate::screen::print_line;
use clap::Args;

/// Start one more replica
///
/// It has no sessions. With sessions in memory and a round-robin balancer, each client has to
/// log in again as soon as the new replica gets one of its requests.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    named: Named,
}

pub(crate) async fn run(args: AddArgs) -> anyhow::Result<()> {
    let id = args.named.find().await?.add().await?;
    print_line(format_args!("{id} is up and gets requests"));
    Ok(())
}
