//! `lab kill`, `pause`, `resume`, `drain`, `restart`: what can be done to a member.

use crate::commands::Named;
use crate::screen::say;
use clap::Args;
use cluster::orders::Order;

/// Which member of which cluster.
#[derive(Args, Debug)]
pub(crate) struct Member {
    /// A replica (r1, r2, ...), the balancer (lb), or what they share (redis, database)
    #[arg(value_name = "MEMBER")]
    id: String,

    #[command(flatten)]
    named: Named,
}

/// Kill a member with SIGKILL: a crash
///
/// The process does not get to finish or say anything: what it held in memory is gone,
/// requests under way break off. The balancer notices because connections are refused.
/// With --term it is an orderly stop instead (SIGTERM): it says "not ready", finishes
/// what it has, and goes. Bring it back with `cargo lab restart`.
#[derive(Args, Debug)]
pub(crate) struct KillArgs {
    #[command(flatten)]
    member: Member,

    /// SIGTERM instead of SIGKILL: an orderly stop
    #[arg(long)]
    term: bool,
}

/// Stop a member with SIGSTOP: a hang
///
/// The process lives and keeps its memory and connections, and answers nobody. This is
/// harder on a system than a crash: nothing is refused, everything waits.
#[derive(Args, Debug)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    member: Member,
}

/// Let a paused member go on (SIGCONT)
///
/// It continues where it stood, and still believes everything it believed then. The
/// balancer lets it in again after its next check.
#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    member: Member,
}

/// Send a replica no new clients
///
/// The balancer picks it no more; the process goes on. Behind a sticky balancer, clients
/// that belong to it still reach it. --undo or `cargo lab restart` ends the drain.
#[derive(Args, Debug)]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    member: Member,

    /// Send it new clients again
    #[arg(long)]
    undo: bool,
}

/// Stop a member in order, if it runs, and start it again
///
/// A replica is drained first, so no request fails. What it remembered is gone all the
/// same: look who has to log in again.
#[derive(Args, Debug)]
pub(crate) struct RestartArgs {
    #[command(flatten)]
    member: Member,
}

pub(crate) async fn kill(args: KillArgs) -> anyhow::Result<()> {
    match args.term {
        false => give(&args.member, Order::Kill, "killed (SIGKILL)").await,
        true => give(&args.member, Order::Stop, "stopped in order (SIGTERM)").await,
    }
}

pub(crate) async fn pause(args: PauseArgs) -> anyhow::Result<()> {
    give(&args.member, Order::Pause, "paused (SIGSTOP); cargo lab resume lets it go on")
        .await
}

pub(crate) async fn resume(args: ResumeArgs) -> anyhow::Result<()> {
    give(&args.member, Order::Resume, "goes on (SIGCONT)").await
}

pub(crate) async fn drain(args: DrainArgs) -> anyhow::Result<()> {
    match args.undo {
        false => give(&args.member, Order::Drain, "gets no new clients").await,
        true => give(&args.member, Order::Undrain, "gets new clients again").await,
    }
}

pub(crate) async fn restart(args: RestartArgs) -> anyhow::Result<()> {
    give(&args.member, Order::Restart, "was started again").await
}

async fn give(member: &Member, order: Order, done: &str) -> anyhow::Result<()> {
    let cluster = member.named.find().await?;
    cluster.order(&member.id, order).await?;
    say(format_args!("{} {done}", member.id));
    Ok(())
}
