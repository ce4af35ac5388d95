//! A server's processes: the one that was started, and those that it started itself.

use crate::home::Home;
use crate::kind::State;
use crate::probe::Probe;
use crate::spawn;
use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a server may take to answer. A Postgres that was killed reads its log first.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long an orderly stop may take before it becomes a kill.
const STOP_LIMIT: Duration = Duration::from_secs(10);

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How to start a server, and how to end it.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) port: u16,
    pub(crate) probe: Probe,
    /// Asks for an orderly stop.
    pub(crate) stop: Signal,
    /// What the kernel sends it at the end of this process.
    pub(crate) at_our_end: Signal,
}

/// A server and its helpers. Dropped, they are ended and their folder is removed.
#[derive(Debug)]
pub(crate) struct Family {
    spec: Spec,
    home: Option<Home>,
    server: Mutex<Option<Child>>,
    paused: AtomicBool,
}

impl Family {
    /// Starts the server and waits until it answers.
    pub(crate) async fn start(spec: Spec, home: Home) -> anyhow::Result<Self> {
        let family = Self {
            spec,
            home: Some(home),
            server: Mutex::default(),
            paused: AtomicBool::default(),
        };
        family.begin().await?;
        Ok(family)
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
        self.home.as_ref().map(Home::log)
    }

    /// SIGKILL for all of them, as when a machine loses its power.
    pub(crate) async fn kill9(&self) -> anyhow::Result<()> {
        self.must_live()?;
        self.end_with(Signal::SIGKILL).await;
        Ok(())
    }

    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        self.must_live()?;
        self.signal_all(Signal::SIGCONT);
        self.signal_server(self.spec.stop);
        if tokio::time::timeout(STOP_LIMIT, self.until_gone()).await.is_err() {
            self.end_with(Signal::SIGKILL).await;
        }
        self.paused.store(false, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn pause(&self) -> anyhow::Result<()> {
        self.must_live()?;
        // The server first: then it starts no more helpers, and the rest can be counted.
        self.signal_server(Signal::SIGSTOP);
        self.signal_all(Signal::SIGSTOP);
        self.signal_all(Signal::SIGSTOP);
        self.paused.store(true, Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        self.must_live()?;
        self.signal_all(Signal::SIGCONT);
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
        // What a dead server has left would keep the next one from its data.
        self.end_with(Signal::SIGKILL).await;
        let child = spawn::spawn(self.command()?);
        let program = self.spec.program.display();
        let child = child.with_context(|| format!("cannot start {program}"))?;
        *self.server() = Some(child);
        let deadline = Instant::now() + START_LIMIT;
        while !self.spec.probe.answers(self.spec.port).await {
            if self.has_ended() {
                bail!("{program} ended at once: {}", self.last_words());
            }
            if Instant::now() > deadline {
                bail!("{program} does not answer: {}", self.last_words());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    fn command(&self) -> anyhow::Result<std::process::Command> {
        use std::os::unix::process::CommandExt;
        let home = self.home()?;
        let log = File::options().create(true).append(true).open(home.log());
        let log = log.context("cannot write the log")?;
        let mut command =
            spawn::command(&self.spec.program, home.account(), self.spec.at_our_end);
        command
            .args(&self.spec.args)
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("cannot write the log")?)
            .stderr(log)
            // Ctrl-C in a terminal is for the launcher, which stops them in order.
            .process_group(0);
        for (name, _) in std::env::vars_os() {
            // Such as PGDATA and PGPORT: they are about somebody else's server.
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        Ok(command)
    }

    async fn end_with(&self, signal: Signal) {
        loop {
            self.signal_server(signal);
            self.signal_all(signal);
            if self.is_gone() {
                break;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.paused.store(false, Ordering::Relaxed);
    }

    async fn until_gone(&self) {
        while !self.is_gone() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn is_gone(&self) -> bool {
        self.has_ended() && self.family().is_empty()
    }

    /// Whether the server has ended; then it has also been reaped.
    fn has_ended(&self) -> bool {
        let mut server = self.server();
        server.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    fn must_live(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.has_ended(), "it is down: restart it");
        Ok(())
    }

    fn signal_server(&self, signal: Signal) {
        let mut server = self.server();
        let Some(child) = server.as_mut() else { return };
        // A reaped one's id may already belong to somebody else.
        let Ok(None) = child.try_wait() else { return };
        if let Ok(pid) = i32::try_from(child.id()) {
            let _gone_meanwhile = kill(Pid::from_raw(pid), signal);
        }
    }

    fn signal_all(&self, signal: Signal) {
        for pid in self.family() {
            let _gone_meanwhile = kill(Pid::from_raw(pid), signal);
        }
    }

    fn family(&self) -> Vec<i32> {
        self.home.as_ref().map(Home::family).unwrap_or_default()
    }

    fn home(&self) -> anyhow::Result<&Home> {
        self.home.as_ref().context("its folder is gone")
    }

    /// The last line of the log: what a server said before it gave up.
    fn last_words(&self) -> String {
        let log = self.home().and_then(|home| Ok(fs::read(home.log())?));
        let log = log.unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        last.unwrap_or("it said nothing").trim().to_owned()
    }

    fn server(&self) -> MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        // Ends them all, this child too, whatever state they are in.
        drop(self.home.take());
        if let Some(child) = self.server().as_mut() {
            let _has_ended = child.kill();
            let _reaped = child.wait();
        }
    }
}
