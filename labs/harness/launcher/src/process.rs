//! One child process: starts it, waits until it is ready, sends signals, and reaps it.

use crate::log_tail::LogTail;
use crate::spawner;
use crate::topology::Program;
use anyhow::{Context, bail};
use api_contract::secret::Secret;
use command_fds::{CommandFdExt, FdMapping};
use http_edge::ready::ReadyLine;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

/// The longest time from the start of a process to its ready line.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Environment variables that a child does not inherit from the launcher. They contain
/// passwords, and the database owner's URL is for the launcher only.
const NOT_INHERITED: [&str; 4] =
    ["DATABASE_OWNER_URL", "DATABASE_URL", "REDIS_URL", "FILES_URL"];

/// The descriptor of an inherited listener: the first one after standard error, as in the
/// protocol of systemd (`sd_listen_fds(3)`).
pub(crate) const LISTENER_FD: i32 = 3;

/// How to start a process.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) program: Program,
    pub(crate) args: Vec<OsString>,
    /// Arguments that are different at each start.
    pub(crate) more_args: Vec<OsString>,
    /// Environment variables with secrets. Other users can read a command line, but not the
    /// environment.
    pub(crate) secrets: Vec<(&'static str, Secret)>,
    /// The log file; each start appends to it.
    pub(crate) log: PathBuf,
    /// A listening socket that the process inherits as descriptor [`LISTENER_FD`].
    pub(crate) listener: Option<Arc<TcpListener>>,
}

/// A running process, or a process that has ended and was reaped. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    ready: ReadyLine,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Process {
    /// Starts it and waits for its ready line.
    pub(crate) async fn start(spec: &Spec) -> anyhow::Result<Self> {
        let log = LogTail::after(&spec.log);
        let mut child = spawn(spec).await?;
        let pid = child.id().context("the process ended at once")?;
        let pid = Pid::from_raw(i32::try_from(pid).context("a process id is an i32")?);
        let output = child.stdout.take().context("standard output is piped")?;
        let mut lines = BufReader::new(output).lines();
        let ready = tokio::time::timeout(START_TIMEOUT, ready_line(&mut lines)).await;
        let ready = match ready {
            Ok(Some(ready)) => ready,
            Ok(None) => {
                let _reaped = child.kill().await;
                bail!("{}", log.reason());
            }
            Err(_elapsed) => {
                let _reaped = child.kill().await;
                let limit = START_TIMEOUT.as_secs();
                bail!("it was not ready after {limit} s; its log: {}", log.reason());
            }
        };
        let (exit_sender, ended) = watch::channel(None);
        // The child exits when this pipe is closed. `wait` would close it at once.
        let parent_pipe = child.stdin.take();
        tokio::spawn(async move {
            let _open_until_the_child_has_ended = parent_pipe;
            // The output must be read, because the child would block on a full pipe.
            tokio::spawn(
                async move { while let Ok(Some(_)) = lines.next_line().await {} },
            );
            let status = child.wait().await.unwrap_or_default();
            exit_sender.send_replace(Some(status));
        });
        Ok(Self { pid, ready, ended })
    }

    pub(crate) const fn ready(&self) -> &ReadyLine {
        &self.ready
    }

    pub(crate) const fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// The exit status, which is set when the process has ended and was reaped.
    pub(crate) fn exit_status(&self) -> watch::Receiver<Option<ExitStatus>> {
        self.ended.clone()
    }

    /// Sends a signal, unless the process was reaped: its id may belong to another process
    /// by now.
    pub(crate) fn signal(&self, signal: Signal) {
        if !self.has_ended() {
            let _may_have_ended = kill(self.pid, signal);
        }
    }

    /// Asks the process to stop, and kills it if it has not ended by the deadline.
    pub(crate) async fn stop(&self, deadline: Duration) {
        self.signal(Signal::SIGCONT);
        self.signal(Signal::SIGTERM);
        self.finish(deadline).await;
    }

    /// Waits for the end of a process that was asked to stop, and kills it at the deadline.
    pub(crate) async fn finish(&self, deadline: Duration) {
        if tokio::time::timeout(deadline, ended(self.exit_status())).await.is_err() {
            self.signal(Signal::SIGKILL);
            ended(self.exit_status()).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// Waits until a process has ended.
pub(crate) async fn ended(mut status: watch::Receiver<Option<ExitStatus>>) {
    // An error means that the task that waits for the child has ended, and the child too.
    let _sender_gone = status.wait_for(Option::is_some).await;
}

async fn spawn(spec: &Spec) -> anyhow::Result<Child> {
    let log = File::options().create(true).append(true).open(&spec.log);
    let log = log.with_context(|| format!("cannot write {}", spec.log.display()))?;
    let mut command = Command::new(&spec.program.path);
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    command
        .args(&spec.program.prefix)
        .arg("--parent")
        .arg(std::process::id().to_string())
        .args(&spec.args)
        .args(&spec.more_args)
        .envs(spec.secrets.iter().map(|(name, secret)| (name, secret.expose())))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        // Ctrl-C in a terminal reaches only the launcher, which stops its children in order.
        .process_group(0)
        .kill_on_drop(true);
    if let Some(listener) = &spec.listener {
        let parent_fd = listener.try_clone().context("the public listener")?.into();
        command.fd_mappings(vec![FdMapping { parent_fd, child_fd: LISTENER_FD }])?;
    }
    let started = spawner::spawn(command).await;
    started.with_context(|| format!("cannot start {}", spec.program.path.display()))
}

async fn ready_line(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<ReadyLine> {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(ready) = ReadyLine::parse(&line) {
            return Some(ready);
        }
    }
    None
}
