//! The thread that starts the children.
//!
//! What the kernel takes for a child's parent is the thread that started it, and at its
//! death the child is killed ([`crate::parent`]). A runtime's threads come and go with
//! the runtime; this one lives as long as the process.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct Job {
    command: Command,
    /// Who is told when the child ends.
    runtime: Handle,
    done: oneshot::Sender<io::Result<Child>>,
}

/// Starts a child that lives until it is killed, ends, or this process ends.
///
/// # Errors
/// When it cannot be started.
pub(crate) async fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let gone = || io::Error::other("the thread that starts processes is gone");
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, todo) = channel::<Job>();
        std::thread::spawn(move || {
            for mut job in todo {
                let _within = job.runtime.enter();
                // Whoever does not wait any more has dropped the child, which ends it.
                let _not_waited_for = job.done.send(job.command.spawn());
            }
        });
        jobs
    });
    let (done, started) = oneshot::channel();
    let job = Job { command, runtime: Handle::current(), done };
    spawner.send(job).map_err(|_| gone())?;
    started.await.map_err(|_| gone())?
}
