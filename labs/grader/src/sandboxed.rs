//! A sandboxed program, as the grader controls it.

use crate::output::Output;
use crate::sandbox::{self, ExitReason, Restrictions};
use anyhow::Context;
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use process::Program;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

/// Maximum time to read the remaining output after the program has exited.
const OUTPUT_DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The command, environment and limits of a sandboxed program.
#[derive(Debug)]
pub(crate) struct ProcessSpec<'a> {
    pub(crate) args: Vec<OsString>,
    pub(crate) folder: &'a Path,
    /// Its environment, to which `PATH` is added. The grader's environment is not passed
    /// on, because a CI job's may contain secrets.
    pub(crate) environment: Vec<(String, OsString)>,
    pub(crate) restrictions: Restrictions,
    /// Collects its standard output.
    pub(crate) stdout: Output,
    /// Collects its standard error.
    pub(crate) stderr: Output,
}

/// A sandboxed program. On drop it is killed with all its descendants.
#[derive(Debug)]
pub(crate) struct SandboxedProcess {
    commands: Mutex<ChildStdin>,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    end: watch::Receiver<Option<ExitReason>>,
    /// The process id of the sandbox.
    pid: Option<u32>,
}

impl SandboxedProcess {
    pub(crate) fn start(
        sandbox: &Program,
        process_spec: ProcessSpec<'_>,
    ) -> anyhow::Result<Self> {
        let (stdout, stderr) = (process_spec.stdout.clone(), process_spec.stderr.clone());
        let mut child = spawn(sandbox, process_spec)?;
        let pid = child.id();
        let readers = [
            stdout.follow(child.stdout.take().context("standard output is piped")?),
            stderr.follow(child.stderr.take().context("standard error is piped")?),
        ];
        let commands = Mutex::new(child.stdin.take().context("standard input is piped")?);
        let (sender, end) = watch::channel(None);
        tokio::spawn(async move {
            let status = child.wait().await.ok().and_then(|status| status.code());
            // No process that could write is left, so the remaining output is read
            // quickly.
            let _still_open = timeout(OUTPUT_DRAIN_TIMEOUT, join_all(readers)).await;
            // A sandbox with another exit code was killed from outside.
            sender.send_replace(Some(
                ExitReason::of(status).unwrap_or(ExitReason::Failure),
            ));
        });
        Ok(Self { commands, stdout, stderr, end, pid })
    }

    /// Sends a signal to the program. SIGKILL goes to all its descendants as well.
    pub(crate) async fn signal(&self, signal: Signal) {
        let command = format!("{}\n", signal.as_str());
        let mut commands = self.commands.lock().await;
        let _gone = commands.write_all(command.as_bytes()).await;
        let _gone = commands.flush().await;
    }

    /// Resolves when the program and all its descendants have exited.
    pub(crate) async fn end(&self) -> ExitReason {
        let mut end = self.end.clone();
        let ended = end.wait_for(Option::is_some).await;
        ended.ok().and_then(|end| *end).unwrap_or(ExitReason::Failure)
    }

    /// Processor time of the program and its descendants; `None` if it has ended or the
    /// system does not tell.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        sandbox::cpu_time_below(self.pid?)
    }

    /// How it exited; `None` while it runs.
    pub(crate) fn ended(&self) -> Option<ExitReason> {
        *self.end.borrow()
    }
}

fn spawn(sandbox: &Program, process_spec: ProcessSpec<'_>) -> anyhow::Result<Child> {
    let mut command = Command::new(&sandbox.path);
    command
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
        .args(&sandbox.prefix)
        .args(process_spec.restrictions.args())
        .args(process_spec.args)
        .current_dir(process_spec.folder)
        .envs(process_spec.environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", sandbox.path.display()))
}
