//! `lab logs`: prints the log of a member.

use crate::commands::Named;
use crate::screen::print_bytes;
use anyhow::Context;
use clap::Args;
use launcher::status::ClusterStatus;
use std::path::Path;

/// Print the log of a member
///
/// Look for "session born" and "session died" with the cause, and for one line per request.
/// A process that was killed with SIGKILL has no log line about its end.
#[derive(Args, Debug)]
pub(crate) struct LogsArgs {
    /// Replica (r1, r2, ...), balancer (lb), or shared service (redis, database)
    #[arg(value_name = "MEMBER")]
    id: String,

    #[command(flatten)]
    named: Named,
}

pub(crate) async fn run(args: LogsArgs) -> anyhow::Result<()> {
    let status = args.named.find().await?.status().await?;
    let path = log_of(&status, &args.id)?;
    let log = std::fs::read(path);
    let log = log.with_context(|| format!("cannot read {}", path.display()))?;
    print_bytes(&log);
    Ok(())
}

fn log_of<'a>(status: &'a ClusterStatus, id: &str) -> anyhow::Result<&'a Path> {
    if let Some(service) = status.service(id) {
        let log = service.log.as_deref();
        return log.with_context(|| format!("{id} is not a process of the lab"));
    }
    let member = status.member(id).with_context(|| {
        let members = status.members.iter().map(|one| one.id.as_str());
        let services = status.services.iter().map(|one| one.id.as_str());
        let names: Vec<_> = members.chain(services).collect();
        format!("there is no member {id}; the members are {}", names.join(", "))
    })?;
    Ok(&member.log)
}
