//! The processes of a server: its main process and the processes that this one started.

use crate::command_line;
use crate::data_dir::DataDir;
use crate::kind::State;
use crate::probe::{self, Probe};
use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use process::Process;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The timeout until a server is ready. A killed Postgres replays its log first.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The timeout of an orderly stop; after it comes SIGKILL.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The interval of polling for the start and the end.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The interval of polling for the listener of a server whose command line has a secret.
const LISTEN_INTERVAL: Duration = Duration::from_millis(1);

/// A condition of a server that starts.
#[derive(Clone, Copy, Debug)]
enum Goal {
    /// It accepts connections.
    Listens,
    /// It answers the probe.
    Answers,
}

/// The command of a server, and its signals.
#[derive(Debug)]
pub(crate) struct ServerSpec {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// Arguments that are secrets. They are overwritten as soon as the server listens.
    pub(crate) secret_args: Vec<String>,
    pub(crate) port: u16,
    pub(crate) probe: Probe,
    /// The signal for an orderly stop.
    pub(crate) stop: Signal,
    /// The signal from the kernel when this process ends.
    pub(crate) on_parent_exit: Signal,
}

/// The main process of a server and its helpers. When dropped, they are ended and the data
/// folder is removed.
#[derive(Debug)]
pub(crate) struct ServerProcesses {
    spec: ServerSpec,
    data_dir: Option<DataDir>,
    server: Mutex<Option<Process>>,
    paused: AtomicBool,
}

impl ServerProcesses {
    /// Starts the server and waits until it is ready.
    pub(crate) async fn start(
        spec: ServerSpec,
        data_dir: DataDir,
    ) -> anyhow::Result<Self> {
        let processes = Self {
            spec,
            data_dir: Some(data_dir),
            server: Mutex::default(),
            paused: AtomicBool::default(),
        };
        processes.begin().await?;
        Ok(processes)
    }

    pub(crate) fn state(&self) -> State {
        if self.has_ended() {
            State::Down
        } else if self.paused.load(Ordering::Relaxed) {
            State::Paused
        } else {
            State::Up
        }
    }

    pub(crate) fn log(&self) -> Option<PathBuf> {
        self.data_dir.as_ref().map(DataDir::log)
    }

    /// Sends SIGKILL to all of them, like a power failure.
    pub(crate) async fn kill9(&self) -> anyhow::Result<()> {
        self.ensure_running()?;
        self.kill_all(Signal::SIGKILL).await
    }

    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        self.ensure_running()?;
        self.signal_all(Signal::SIGCONT)?;
        self.signal_server(self.spec.stop);
        match tokio::time::timeout(STOP_TIMEOUT, self.wait_until_gone()).await {
            Ok(waited) => waited?,
            Err(_elapsed) => self.kill_all(Signal::SIGKILL).await?,
        }
        self.paused.store(false, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn pause(&self) -> anyhow::Result<()> {
        self.ensure_running()?;
        // The main process first: then it starts no more helpers while they are listed.
        self.signal_server(Signal::SIGSTOP);
        self.paused.store(true, Ordering::Relaxed);
        self.signal_all(Signal::SIGSTOP)?;
        self.signal_all(Signal::SIGSTOP)
    }

    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        self.ensure_running()?;
        self.signal_all(Signal::SIGCONT)?;
        self.paused.store(false, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) async fn restart(&self) -> anyhow::Result<()> {
        if !self.has_ended() {
            self.stop().await?;
        }
        self.begin().await
    }

    async fn begin(&self) -> anyhow::Result<()> {
        // Remaining helpers of a dead server would lock its data.
        self.kill_all(Signal::SIGKILL).await?;
        let server = Process::start(self.command()?);
        let program = self.spec.program.display();
        let server = server.with_context(|| format!("cannot start {program}"))?;
        let pid = server.pid();
        *self.server() = Some(server);
        let deadline = Instant::now() + START_TIMEOUT;
        if !self.spec.secret_args.is_empty() {
            // A server has read its arguments before it listens, and not at its first
            // instruction: earlier it would get the overwritten ones.
            self.wait_until(Goal::Listens, deadline).await?;
            let _tried_again_below = self.hide_secrets(pid);
        }
        self.wait_until(Goal::Answers, deadline).await?;
        // Where the kernel does not permit it, a server without a secret would help no user.
        if let Err(error) = self.hide_secrets(pid) {
            tracing::warn!(%error, "a secret stays on the command line of {program}");
        }
        Ok(())
    }

    /// Waits until the server that was started listens or answers.
    async fn wait_until(&self, goal: Goal, deadline: Instant) -> anyhow::Result<()> {
        let ServerSpec { program, probe, port, .. } = &self.spec;
        let program = program.display();
        loop {
            let (reached, interval) = match goal {
                Goal::Listens => (probe::listens(*port).await, LISTEN_INTERVAL),
                Goal::Answers => (probe.answers(*port).await, POLL_INTERVAL),
            };
            if reached {
                return Ok(());
            }
            if self.has_ended() {
                bail!("{program} ended at once: {}", self.last_log_line());
            }
            if Instant::now() > deadline {
                bail!("{program} does not answer: {}", self.last_log_line());
            }
            tokio::time::sleep(interval).await;
        }
    }

    fn hide_secrets(&self, pid: i32) -> io::Result<()> {
        command_line::overwrite(pid, &self.spec.secret_args)
    }

    fn command(&self) -> anyhow::Result<Command> {
        let data_dir = self.data_dir()?;
        let log = File::options().create(true).append(true).open(data_dir.log());
        let log = log.context("cannot write the log")?;
        let mut command =
            data_dir.command(&self.spec.program, self.spec.on_parent_exit)?;
        command
            .args(&self.spec.args)
            .current_dir(data_dir.path())
            .stdout(log.try_clone().context("cannot write the log")?)
            .stderr(log);
        for (name, _) in std::env::vars_os() {
            // Variables such as PGDATA and PGPORT concern another server.
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        Ok(command)
    }

    async fn kill_all(&self, signal: Signal) -> anyhow::Result<()> {
        loop {
            self.signal_server(signal);
            self.signal_all(signal)?;
            if self.is_gone()? {
                break;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        self.paused.store(false, Ordering::Relaxed);
        Ok(())
    }

    async fn wait_until_gone(&self) -> anyhow::Result<()> {
        while !self.is_gone()? {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    fn is_gone(&self) -> anyhow::Result<bool> {
        Ok(self.has_ended() && self.ids()?.is_empty())
    }

    /// Whether the main process has ended and was reaped.
    fn has_ended(&self) -> bool {
        self.server().as_ref().is_none_or(Process::has_ended)
    }

    fn ensure_running(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.has_ended(), "it is down: restart it");
        Ok(())
    }

    fn signal_server(&self, signal: Signal) {
        if let Some(server) = self.server().as_ref() {
            server.signal(signal);
        }
    }

    fn signal_all(&self, signal: Signal) -> anyhow::Result<()> {
        for pid in self.ids()? {
            let _ended_meanwhile = kill(Pid::from_raw(pid), signal);
        }
        Ok(())
    }

    /// The ids of all processes.
    fn ids(&self) -> anyhow::Result<Vec<i32>> {
        self.data_dir.as_ref().map_or_else(|| Ok(Vec::new()), DataDir::processes)
    }

    fn data_dir(&self) -> anyhow::Result<&DataDir> {
        self.data_dir.as_ref().context("the data folder is gone")
    }

    /// A server's reason to end: the last line of its log that names an error, or the last
    /// line. Postgres logs that it is shut down after the reason.
    fn last_log_line(&self) -> String {
        let log = self.data_dir().and_then(|data_dir| Ok(fs::read(data_dir.log())?));
        let log = log.unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let named = |line: &&str| {
            ["FATAL", "PANIC", "ERROR", "error:"].iter().any(|word| line.contains(word))
        };
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let reason = lines.clone().rfind(named).or_else(|| lines.next_back());
        reason.unwrap_or("the log is empty").trim().to_owned()
    }

    fn server(&self) -> MutexGuard<'_, Option<Process>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ServerProcesses {
    fn drop(&mut self) {
        // Dropping the folder ends all its processes, paused ones, too.
        drop(self.data_dir.take());
        drop(self.server().take());
    }
}
