//! One child process: it is started, gets signals, and is reaped.
//!
//! Each child has a thread of its own, which starts it and waits for its end. For the kernel
//! the parent of a child is the thread that started it, and the child is killed when that
//! thread ends ([`crate::parent`]). The threads of a runtime end with the runtime; this one
//! ends after the child.

use crate::lines::Lines;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// A running process, or a process that has ended and was reaped. It leads a process group of
/// its own, so that Ctrl-C in a terminal reaches only this process, which stops its children
/// in order. When dropped, the group is killed.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    ended: watch::Receiver<Option<ExitStatus>>,
    waiter: Option<JoinHandle<()>>,
    /// Its standard input, if it is piped. It is closed when this value is dropped.
    pub stdin: Option<ChildStdin>,
    /// Its standard output, if it is piped.
    pub stdout: Option<ChildStdout>,
    /// Its standard error, if it is piped.
    pub stderr: Option<ChildStderr>,
}

/// A child that was just started: its process id and the pipes.
struct Started {
    pid: i32,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

/// The reason why a process is not ready.
#[derive(Debug)]
pub enum NotReady {
    /// It has ended.
    Ended(ExitStatus),
    /// It runs, and this time has passed.
    Late(Duration),
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(status) => write!(f, "the process ended with {status}"),
            Self::Late(limit) => {
                write!(f, "it was not ready after {} s", limit.as_secs())
            }
        }
    }
}

impl std::error::Error for NotReady {}

impl Process {
    /// Starts a process.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command) -> io::Result<Self> {
        command.process_group(0);
        let (exit_sender, ended) = watch::channel(None);
        let (sender, started) = sync_channel(1);
        let thread = std::thread::Builder::new().name("child".to_owned());
        let waiter = thread.spawn(move || run(command, &sender, &exit_sender))?;
        let gone = |_| io::Error::other("the thread that starts a process has ended");
        let Started { pid, stdin, stdout, stderr } = started.recv().map_err(gone)??;
        let (pid, waiter) = (Pid::from_raw(pid), Some(waiter));
        Ok(Self { pid, ended, waiter, stdin, stdout, stderr })
    }

    /// Its process id.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// The exit status, which is set when the process has ended and was reaped.
    #[must_use]
    pub fn exit_status(&self) -> watch::Receiver<Option<ExitStatus>> {
        self.ended.clone()
    }

    /// Waits for a line of its output that `parse` accepts, such as a ready line.
    ///
    /// # Errors
    /// When it ends before, or does not print the line within `limit`.
    pub async fn ready<T>(
        &self,
        output: &Lines,
        parse: impl Fn(&str) -> Option<T>,
        limit: Duration,
    ) -> Result<T, NotReady> {
        let ready = async {
            match output.wait_for(parse).await {
                Some(ready) => Ok(ready),
                None => Err(NotReady::Ended(ended(self.exit_status()).await)),
            }
        };
        let late = |_elapsed| NotReady::Late(limit);
        tokio::time::timeout(limit, ready).await.map_err(late)?
    }

    /// Sends a signal to the process, and SIGKILL to its whole group, unless the process was
    /// reaped: its id may belong to another process by now.
    pub fn signal(&self, signal: Signal) {
        if self.has_ended() {
            return;
        }
        let _may_have_ended = match signal {
            Signal::SIGKILL => killpg(self.pid, signal),
            other => kill(self.pid, other),
        };
    }

    /// Asks the process to stop, and kills its group if it has not ended by the deadline.
    pub async fn stop(&self, deadline: Duration) -> ExitStatus {
        self.signal(Signal::SIGCONT);
        self.signal(Signal::SIGTERM);
        self.finish(deadline).await
    }

    /// Waits for the end of a process that was asked to stop, and kills its group at the
    /// deadline.
    pub async fn finish(&self, deadline: Duration) -> ExitStatus {
        match tokio::time::timeout(deadline, ended(self.exit_status())).await {
            Ok(status) => status,
            Err(_elapsed) => {
                self.signal(Signal::SIGKILL);
                ended(self.exit_status()).await
            }
        }
    }

    /// Kills its group, and waits until the process has ended: milliseconds.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        if let Some(waiter) = self.waiter.take() {
            let _it_has_ended = waiter.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until a process has ended.
pub async fn ended(mut status: watch::Receiver<Option<ExitStatus>>) -> ExitStatus {
    // An error means that the thread that waits for the child has ended, and the child too.
    let status = status.wait_for(Option::is_some).await;
    status.ok().and_then(|status| *status).unwrap_or_default()
}

/// The thread of a child.
fn run(
    mut command: Command,
    started: &SyncSender<io::Result<Started>>,
    ended: &watch::Sender<Option<ExitStatus>>,
) {
    let child = command.spawn().and_then(|child| {
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        Ok((child, pid))
    });
    // Its copies of inherited files are open until now.
    drop(command);
    match child {
        Ok((mut child, pid)) => {
            let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
            let stderr = child.stderr.take();
            let _caller_waits = started.send(Ok(Started { pid, stdin, stdout, stderr }));
            ended.send_replace(Some(child.wait().unwrap_or_default()));
        }
        Err(error) => drop(started.send(Err(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventually::eventually;
    use nix::errno::Errno;
    use std::process::Stdio;

    const LIMIT: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> (Process, Lines) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::start(command).unwrap();
        let lines = Lines::read(process.stdout.take().unwrap());
        (process, lines)
    }

    #[tokio::test]
    async fn dropped_process_ends_with_its_group() {
        let (process, lines) = shell("sleep 300 & echo started $!; wait");
        let helper = |line: &str| line.strip_prefix("started ")?.parse().ok();
        let helper = Pid::from_raw(process.ready(&lines, helper, LIMIT).await.unwrap());
        assert!(kill(helper, None).is_ok() && !process.has_ended());
        let pid = Pid::from_raw(process.pid());
        drop(process);
        assert_eq!(kill(pid, None), Err(Errno::ESRCH), "it was reaped");
        let is_gone = async || {
            // Until its new parent reaps it, it is a zombie.
            let stat = std::fs::read_to_string(format!("/proc/{helper}/stat"));
            Ok(stat.map_or(Some(()), |stat| stat.contains(") Z ").then_some(())))
        };
        eventually(LIMIT, "the end of the helper", is_gone).await.unwrap();
    }

    #[tokio::test]
    async fn process_that_ignores_the_stop_signal_is_killed() {
        use std::os::unix::process::ExitStatusExt;
        let (process, lines) =
            shell("trap '' TERM; echo ready; while :; do sleep 0.1; done");
        let ready = |line: &str| (line == "ready").then_some(());
        process.ready(&lines, ready, LIMIT).await.unwrap();
        let status = process.stop(Duration::from_millis(100)).await;
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32));
        let (process, _lines) = shell("sleep 300");
        let status = process.stop(LIMIT).await;
        assert_eq!(status.signal(), Some(Signal::SIGTERM as i32));
    }

    #[tokio::test]
    async fn error_distinguishes_ended_process_from_late_one() {
        let never = |_: &str| None::<()>;
        let (process, lines) = shell("echo a line; exit 3");
        let ended = process.ready(&lines, never, LIMIT).await.unwrap_err();
        assert_eq!(ended.to_string(), "the process ended with exit status: 3");
        let (process, lines) = shell("sleep 300");
        let late = process.ready(&lines, never, Duration::from_millis(50)).await;
        assert!(matches!(late, Err(NotReady::Late(_))) && !process.has_ended());
        let missing = Process::start(Command::new("/nonexistent/program"));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
