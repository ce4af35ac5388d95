//! `lab add`: one replica more.

use crate::commands::Named;
use crate::screen::say;
use clap::Args;

/// Start one more replica
///
/// It knows nobody: behind a round-robin balancer, every client with a session in
/// another replica's memory will meet it and be asked to log in.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    named: Named,
}

pub(crate) async fn run(args: AddArgs) -> anyhow::Result<()> {
    let id = args.named.find().await?.add().await?;
    say(format_args!("{id} was started and gets requests"));
    Ok(())
}
