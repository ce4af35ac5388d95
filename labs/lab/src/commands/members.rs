//! `lab kill`, `pause`, `resume`, `drain`, `restart`: commands for one member.

use crate::commands::Named;
use crate::screen::print_line;
use clap::Args;
use launcher::commands::MemberAction;

/// A member of a cluster.
#[derive(Args, Debug)]
pub(crate) struct Member {
    /// Replica (r1, r2, ...), balancer (lb), or shared service (redis, database)
    #[arg(value_name = "MEMBER")]
    id: String,

    #[command(flatten)]
    named: Named,
}

/// Kill a member with SIGKILL (a crash)
///
/// The process ends at once: its memory is lost and requests in flight are cut off. The
/// balancer notices because connections are refused. With --term the process gets SIGTERM
/// for an orderly stop: it reports "not ready", finishes its requests, and exits. Start it
/// again with `cargo lab restart`. The port of the balancer stays open meanwhile: clients wait.
#[derive(Args, Debug)]
pub(crate) struct KillArgs {
    #[command(flatten)]
    member: Member,

    /// Send SIGTERM instead of SIGKILL: an orderly stop
    #[arg(long)]
    term: bool,
}

/// Stop a member with SIGSTOP (a hang)
///
/// The process keeps its memory and connections, and answers no request. This is harder on a
/// system than a crash: connections are not refused, so clients wait. With SQLite, a replica
/// is stopped while it does not hold the write lock, because it would block the writes of all
/// others. A real hang does not choose its moment.
#[derive(Args, Debug)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    member: Member,
}

/// Continue a paused member (SIGCONT)
///
/// It continues with the state from before the pause, which may be stale. The balancer sends
/// it requests again after its next health check.
#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    member: Member,
}

/// Drain a replica: send it no new clients
///
/// The process keeps running. A sticky balancer still sends it the requests of its clients.
/// --undo or `cargo lab restart` ends the drain.
#[derive(Args, Debug)]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    member: Member,

    /// Send it new clients again
    #[arg(long)]
    undo: bool,
}

/// Restart a member after an orderly stop
///
/// A replica is drained first, so no request fails. The sessions in its memory are lost all
/// the same, and their users have to log in again.
#[derive(Args, Debug)]
pub(crate) struct RestartArgs {
    #[command(flatten)]
    member: Member,
}

pub(crate) async fn kill(args: KillArgs) -> anyhow::Result<()> {
    match args.term {
        false => send(&args.member, MemberAction::Kill, "killed (SIGKILL)").await,
        true => {
            send(&args.member, MemberAction::Stop, "stopped in order (SIGTERM)").await
        }
    }
}

pub(crate) async fn pause(args: PauseArgs) -> anyhow::Result<()> {
    let resume = args.member.named.hint(&format!("resume {}", args.member.id));
    let done = format!("paused (SIGSTOP); to continue it: {resume}");
    send(&args.member, MemberAction::Pause, &done).await
}

pub(crate) async fn resume(args: ResumeArgs) -> anyhow::Result<()> {
    send(&args.member, MemberAction::Resume, "continues (SIGCONT)").await
}

pub(crate) async fn drain(args: DrainArgs) -> anyhow::Result<()> {
    match args.undo {
        false => send(&args.member, MemberAction::Drain, "gets no new clients").await,
        true => send(&args.member, MemberAction::Undrain, "gets new clients again").await,
    }
}

pub(crate) async fn restart(args: RestartArgs) -> anyhow::Result<()> {
    send(&args.member, MemberAction::Restart, "was started again").await
}

async fn send(member: &Member, order: MemberAction, done: &str) -> anyhow::Result<()> {
    let cluster = member.named.find().await?;
    cluster.execute(&member.id, order).await?;
    print_line(format_args!("{} {done}", member.id));
    Ok(())
}
