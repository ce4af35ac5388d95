//! `lab logs`: what a member has written down.

use crate::commands::Named;
use anyhow::Context;
use clap::Args;
use std::io::Write;

/// Print the log of a member
///
/// Look for "session born" and "session died" with its cause, and for one line a request.
/// A process that was killed with SIGKILL has written nothing about its end: compare.
#[derive(Args, Debug)]
pub(crate) struct LogsArgs {
    /// A replica (r1, r2, ...) or the balancer (lb)
    #[arg(value_name = "MEMBER")]
    id: String,

    #[command(flatten)]
    named: Named,
}

pub(crate) async fn run(args: LogsArgs) -> anyhow::Result<()> {
    let status = args.named.find().await?.status().await?;
    let member = status.member(&args.id).with_context(|| {
        let names: Vec<_> = status.members.iter().map(|one| one.id.as_str()).collect();
        format!("there is no {} here; there are {}", args.id, names.join(", "))
    })?;
    let log = std::fs::read(&member.log)
        .with_context(|| format!("cannot read {}", member.log.display()))?;
    // A reader that has seen enough (head, grep -m) is no fault.
    let _closed_early = std::io::stdout().write_all(&log);
    Ok(())
}
