//! One child process: started, known to be ready, signalled, reaped.

use crate::spawner;
use crate::topology::Program;
use anyhow::{Context, bail};
use api_contract::secret::Secret;
use http_edge::ready::ReadyLine;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

/// How long a process may take to say that it is ready.
const START_LIMIT: Duration = Duration::from_secs(30);

/// What a process gets to know only if it is told: whoever started the launcher may have
/// set them, and the owner's is for nobody but the launcher.
const URLS: [&str; 4] = ["DATABASE_OWNER_URL", "DATABASE_URL", "REDIS_URL", "FILES_URL"];

/// How to start a process.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) program: Program,
    pub(crate) args: Vec<OsString>,
    /// What only this process may know: a command line can be read by everybody.
    pub(crate) secrets: Vec<(&'static str, Secret)>,
    /// Its log goes here, and is appended to at each start.
    pub(crate) log: PathBuf,
}

/// A running process, or one that has ended and been reaped. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    ready: ReadyLine,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Process {
    /// Starts it and waits for its ready line.
    pub(crate) async fn start(spec: &Spec) -> anyhow::Result<Self> {
        let mut child = spawn(spec).await?;
        let pid = child.id().context("the process ended at once")?;
        let pid = Pid::from_raw(i32::try_from(pid).context("a process id is an i32")?);
        let output = child.stdout.take().context("standard output is piped")?;
        let mut lines = BufReader::new(output).lines();
        let ready = tokio::time::timeout(START_LIMIT, ready_line(&mut lines)).await;
        let Ok(Some(ready)) = ready else {
            let _reaped = child.kill().await;
            bail!("{}", last_words(&spec.log));
        };
        let (tell, ended) = watch::channel(None);
        // The pipe whose end tells the child that we are gone; `wait` would close it.
        let leash = child.stdin.take();
        tokio::spawn(async move {
            let _held_to_the_end = leash;
            // Its output must be read, or it would block on a full pipe.
            tokio::spawn(
                async move { while let Ok(Some(_)) = lines.next_line().await {} },
            );
            let status = child.wait().await.unwrap_or_default();
            tell.send_replace(Some(status));
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

    /// Resolves when the process has ended and been reaped.
    pub(crate) fn end(&self) -> watch::Receiver<Option<ExitStatus>> {
        self.ended.clone()
    }

    /// Sends a signal, to a process that is still ours: a reaped one's id may already
    /// belong to somebody else.
    pub(crate) fn signal(&self, signal: Signal) {
        if !self.has_ended() {
            let _gone_meanwhile = kill(self.pid, signal);
        }
    }

    /// Asks it to stop, and kills it if it has not by the deadline.
    pub(crate) async fn stop(&self, deadline: Duration) {
        self.signal(Signal::SIGCONT);
        self.signal(Signal::SIGTERM);
        if tokio::time::timeout(deadline, ended(self.end())).await.is_err() {
            self.signal(Signal::SIGKILL);
            ended(self.end()).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// Waits until a process has ended.
pub(crate) async fn ended(mut end: watch::Receiver<Option<ExitStatus>>) {
    // An error means that the task that waits for the child is gone, and the child too.
    let _gone = end.wait_for(Option::is_some).await;
}

async fn spawn(spec: &Spec) -> anyhow::Result<Child> {
    let log = File::options().create(true).append(true).open(&spec.log);
    let log = log.with_context(|| format!("cannot write {}", spec.log.display()))?;
    let mut command = Command::new(&spec.program.path);
    for name in URLS {
        command.env_remove(name);
    }
    command
        .args(&spec.program.prefix)
        .arg("--parent")
        .arg(std::process::id().to_string())
        .args(&spec.args)
        .envs(spec.secrets.iter().map(|(name, secret)| (name, secret.expose())))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        // Ctrl-C in a terminal goes to the launcher alone, which stops them in order.
        .process_group(0)
        .kill_on_drop(true);
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

/// The last line of a log: what a process said before it gave up.
fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    last.unwrap_or("it said nothing").trim_start_matches("error: ").to_owned()
}
