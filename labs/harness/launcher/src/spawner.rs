//! The thread that starts the children.
//!
//! For the kernel the parent of a child is the thread that started it, and the child is killed
//! when that thread ends ([`crate::parent`]). The threads of a runtime end with the runtime.
//! This thread lives as long as the process.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct Job {
    command: Command,
    /// The runtime that is notified when the child ends.
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
                // If the caller does not wait any more, the child is dropped and thus killed.
                let _caller_gone = job.done.send(job.command.spawn());
            }
        });
        jobs
    });
    let (done, started) = oneshot::channel();
    let job = Job { command, runtime: Handle::current(), done };
    spawner.send(job).map_err(|_| gone())?;
    started.await.map_err(|_| gone())?
}
