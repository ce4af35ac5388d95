//! Starts child processes that end with this process.

use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, User};
use std::io;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};

/// Replaces the shell by the program, unless the parent has died before the kernel was told to
/// watch it. Standard input is the marker of the service, and becomes [`MARKER_FD`].
const EXEC_UNLESS_ORPHANED: &str =
    r#"[ "$PPID" = "$1" ] || exit 1; shift; exec "$@" 9<&0 0</dev/null"#;

/// The descriptor with the marker of a service, which all descendants of its server inherit.
/// Servers overwrite their environment with their titles, and their helpers leave the session
/// and lose their parent, but no server closes a descriptor that it does not know.
pub(crate) const MARKER_FD: u32 = 9;

/// An unprivileged user to run as. Postgres refuses root.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
}

impl Account {
    /// The user for Postgres; [`None`] when this process is unprivileged.
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
             postgres nor nobody: use another user or --backing embedded"
        )
    }
}

/// A command for a child that gets a signal from the kernel when this process ends.
pub(crate) fn command(
    program: &Path,
    account: Option<&Account>,
    on_parent_exit: Signal,
) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(Account { uid, gid }) = account {
        command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}"));
        command.arg("--init-groups");
    }
    let signal = on_parent_exit.as_str().trim_start_matches("SIG");
    command.arg(format!("--pdeathsig={signal}")).arg("--");
    command.args(["sh", "-c", EXEC_UNLESS_ORPHANED, "sh"]);
    command.arg(std::process::id().to_string()).arg(program);
    command
}

struct Job {
    command: Command,
    done: SyncSender<io::Result<Child>>,
}

/// Starts a child from a thread that lives as long as this process. For the kernel the parent
/// is the thread that started the child, and the child ends with that thread.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let gone = || io::Error::other("the thread that starts processes has ended");
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, queue) = channel::<Job>();
        std::thread::spawn(move || {
            for mut job in queue {
                let _caller_gone = job.done.send(job.command.spawn());
            }
        });
        jobs
    });
    let (done, result) = sync_channel(1);
    spawner.send(Job { command, done }).map_err(|_| gone())?;
    result.recv().map_err(|_| gone())?
}
