//! Starting a child that dies with this process.

use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, User};
use std::io;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};

/// A started child of this script's caller goes on as the program; one whose caller died
/// before the kernel was asked to watch it ends here.
const UNLESS_ORPHANED: &str = r#"[ "$PPID" = "$1" ] || exit 1; shift; exec "$@""#;

/// An unprivileged user to run as. Postgres refuses root.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
}

impl Account {
    /// [`None`] when this process is unprivileged itself.
    pub(crate) fn for_postgres() -> anyhow::Result<Option<Self>> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            if let Some(User { uid, gid, .. }) = User::from_name(name)? {
                return Ok(Some(Self { uid, gid }));
            }
        }
        anyhow::bail!(
            "Postgres does not run as root, and this system has neither a user \
             postgres nor nobody: be another user, or take --backing embedded"
        )
    }
}

/// A program as a child that the kernel signals when this process ends.
pub(crate) fn command(
    program: &Path,
    account: Option<&Account>,
    at_our_end: Signal,
) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(Account { uid, gid }) = account {
        command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}"));
        command.arg("--init-groups");
    }
    let signal = at_our_end.as_str().trim_start_matches("SIG");
    command.arg(format!("--pdeathsig={signal}")).arg("--");
    command.args(["sh", "-c", UNLESS_ORPHANED, "sh"]);
    command.arg(std::process::id().to_string()).arg(program);
    command
}

struct Job {
    command: Command,
    done: SyncSender<io::Result<Child>>,
}

/// Starts a child from a thread that lives as long as this process: what the kernel calls
/// the parent, whose death ends the child, is the thread that started it.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let gone = || io::Error::other("the thread that starts processes is gone");
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, todo) = channel::<Job>();
        std::thread::spawn(move || {
            for mut job in todo {
                let _not_waited_for = job.done.send(job.command.spawn());
            }
        });
        jobs
    });
    let (done, result) = sync_channel(1);
    spawner.send(Job { command, done }).map_err(|_| gone())?;
    result.recv().map_err(|_| gone())?
}
