//! A replica of the program under test: a real process that can be started, killed and
//! restarted.

use crate::check_error::CheckError;
use crate::manifest::Limits;
use crate::output::Output;
use crate::sandbox::{ExitReason, Restrictions};
use crate::sandboxed::{ProcessSpec, SandboxProgram, SandboxedProcess};
use crate::transcript::Transcript;
use anyhow::{Context, anyhow};
use http_edge::ready::ReadyLine;
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Maximum time until a program prints its ready line, or exits after SIGTERM.
const START_STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// Settings that all replicas of a check share.
#[derive(Debug)]
pub(crate) struct SharedSetup {
    pub(crate) sandbox: SandboxProgram,
    pub(crate) program: PathBuf,
    pub(crate) limits: Limits,
    /// Environment variables with the URLs of backing services, such as `REDIS_URL`.
    pub(crate) services: Vec<(String, String)>,
    pub(crate) transcript: Transcript,
    /// Working folders of the replicas. They are removed after the check.
    pub(crate) folder: tempfile::TempDir,
}

/// A replica. It is killed when the check ends.
#[derive(Clone, Debug)]
pub struct Replica(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    args: Vec<String>,
    setup: Arc<SharedSetup>,
    now: Mutex<Option<Arc<Running>>>,
}

#[derive(Debug)]
struct Running {
    url: String,
    process: SandboxedProcess,
}

impl Replica {
    pub(crate) async fn start(
        setup: Arc<SharedSetup>,
        name: &str,
        args: &[&str],
    ) -> Result<Self, CheckError> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let (name, now) = (name.to_owned(), Mutex::default());
        let replica = Self(Arc::new(Inner { name, args, setup, now }));
        replica.come_up().await?;
        Ok(replica)
    }

    /// Its name, such as `r1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its base URL. A restart changes the port.
    #[must_use]
    pub fn url(&self) -> String {
        self.running().map_or_else(String::new, |running| running.url.clone())
    }

    /// Sends SIGKILL to it and its descendants, which simulates a crash. Returns when
    /// they have exited.
    pub async fn kill(&self) {
        self.note(&format!("⚡ killed replica {}", self.name()));
        self.signal(Signal::SIGKILL).await;
        self.gone().await;
    }

    /// Sends SIGTERM and waits until it has exited.
    ///
    /// # Errors
    /// [`CheckError::Failed`] when it does not exit in time.
    pub async fn terminate(&self) -> Result<(), CheckError> {
        self.note(&format!("⚡ asked replica {} to stop (SIGTERM)", self.name()));
        self.signal(Signal::SIGTERM).await;
        if tokio::time::timeout(START_STOP_TIMEOUT, self.gone()).await.is_ok() {
            return Ok(());
        }
        let expected =
            format!("an exit within {} s after SIGTERM", START_STOP_TIMEOUT.as_secs());
        Err(CheckError::failed(
            expected,
            "the process is still running",
            "does a request or a task never end?",
        ))
    }

    /// Sends SIGSTOP: the process exists and does not run.
    pub async fn pause(&self) {
        self.note(&format!("⚡ paused replica {}", self.name()));
        self.signal(Signal::SIGSTOP).await;
    }

    /// Sends SIGCONT, which ends a pause.
    pub async fn resume(&self) {
        self.note(&format!("⚡ resumed replica {}", self.name()));
        self.signal(Signal::SIGCONT).await;
    }

    /// Restarts it, after killing it if it runs: same name and arguments, new process,
    /// new port, empty folder.
    ///
    /// # Errors
    /// [`CheckError::Failed`] when it does not become ready.
    pub async fn restart(&self) -> Result<(), CheckError> {
        if self.running().is_some_and(|running| running.process.ended().is_none()) {
            self.kill().await;
        }
        self.come_up().await?;
        self.note(&format!(
            "⚡ started replica {} again, now at {}",
            self.name(),
            self.url()
        ));
        Ok(())
    }

    /// Kills it and waits until it has exited, at the end of the check.
    pub(crate) async fn finish(&self) {
        self.signal(Signal::SIGKILL).await;
        self.gone().await;
    }

    /// The exit reason, if it exited without being stopped by the check.
    pub(crate) fn exit_reason(&self) -> Option<String> {
        let end = self.running()?.process.ended()?;
        let limits = &self.0.setup.limits;
        let why = match end {
            ExitReason::Requested => return None,
            ExitReason::Success => "it exited with code 0".to_owned(),
            ExitReason::Failure => "it exited with an error (see its log)".to_owned(),
            ExitReason::ProcessLimit => {
                format!(
                    "it started more than {} processes and was stopped",
                    limits.processes
                )
            }
            ExitReason::MemoryLimit => {
                format!("it used more than {} MiB and was stopped", limits.memory_mib)
            }
            ExitReason::TimeLimit => {
                format!("it ran for more than {} s and was stopped", limits.seconds)
            }
            ExitReason::NotStarted => "it could not be started".to_owned(),
        };
        Some(format!("replica {}: {why}", self.name()))
    }

    /// Its log.
    pub(crate) fn log(&self) -> String {
        let Some(running) = self.running() else {
            return String::new();
        };
        let (out, err) = (running.process.stdout.text(), running.process.stderr.text());
        let ours = |line: &&str| !line.starts_with("ready ");
        let lines = out.lines().filter(ours).chain(err.lines());
        lines.map(|line| format!("[{}] {line}\n", self.name())).collect()
    }

    /// Resolves when it exceeds the output limit.
    pub(crate) async fn output_limit_exceeded(&self) {
        let Some(running) = self.running() else {
            return std::future::pending().await;
        };
        let limit = self.0.setup.limits.output_kib << 10;
        tokio::select! {
            () = running.process.stdout.beyond(limit) => {}
            () = running.process.stderr.beyond(limit) => {}
        }
    }

    fn note(&self, line: &str) {
        self.0.setup.transcript.note(line);
    }

    async fn signal(&self, signal: Signal) {
        if let Some(running) = self.running() {
            running.process.signal(signal).await;
        }
    }

    async fn gone(&self) {
        if let Some(running) = self.running() {
            running.process.end().await;
        }
    }

    fn running(&self) -> Option<Arc<Running>> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn come_up(&self) -> Result<(), CheckError> {
        let folder = tempfile::tempdir_in(self.0.setup.folder.path());
        let folder = folder.context("cannot make a folder for a replica")?.keep();
        let process =
            SandboxedProcess::start(&self.0.setup.sandbox, self.process_spec(&folder))?;
        let ready = tokio::select! {
            line = process.stdout.ready() => ReadyLine::parse(&line),
            _ = process.end() => None,
            () = tokio::time::sleep(START_STOP_TIMEOUT) => None,
        };
        if process.ended() == Some(ExitReason::NotStarted) {
            let why = process.stderr.text();
            return Err(anyhow!("the program cannot be run here: {}", why.trim()).into());
        }
        let url = ready.map(|ready| format!("http://{}", ready.address));
        let up = url.is_some();
        let running = Running { url: url.unwrap_or_default(), process };
        let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = Some(Arc::new(running));
        drop(now);
        if up { Ok(()) } else { Err(self.did_not_start()) }
    }

    fn did_not_start(&self) -> CheckError {
        let waits = format!("no ready line within {} s", START_STOP_TIMEOUT.as_secs());
        let exit_reason = self.exit_reason();
        let timed_out = exit_reason.is_none();
        let actual = exit_reason.unwrap_or(waits);
        let (log, name) = (self.log(), self.name());
        self.note(&format!("replica {name} did not start:"));
        log.lines().rev().take(5).for_each(|line| self.note(line));
        let (expected, help) = (
            "a program that starts and prints its ready line",
            "run it by hand: see the README",
        );
        if timed_out {
            CheckError::timed_out(expected, actual, help)
        } else {
            CheckError::failed(expected, actual, help)
        }
    }

    fn process_spec<'a>(&self, folder: &'a Path) -> ProcessSpec<'a> {
        let Inner { setup, name, args, .. } = &*self.0;
        let fixed = ["--listen", "127.0.0.1:0", "--replica", name];
        let mut all = vec![setup.program.clone().into_os_string()];
        all.extend(fixed.map(Into::into));
        all.extend(args.iter().map(Into::into));
        let path = folder.as_os_str();
        let services = setup.services.iter();
        let mut environment: Vec<(String, OsString)> =
            services.map(|(name, url)| (name.clone(), url.into())).collect();
        environment.extend([
            ("HOME".to_owned(), path.into()),
            ("TMPDIR".to_owned(), path.into()),
            ("LAB_SANDBOX".to_owned(), "1".into()),
            ("RUST_BACKTRACE".to_owned(), "0".into()),
        ]);
        let restrictions = Restrictions {
            processes: setup.limits.processes,
            memory: setup.limits.memory_mib << 20,
            time: setup.limits.time(),
        };
        ProcessSpec {
            args: all,
            folder,
            environment,
            restrictions,
            stderr: Output::default(),
        }
    }
}
