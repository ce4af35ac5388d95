//! A replica of the program under test: a real process that can be started, killed and
//! restarted.

use crate::check_error::CheckError;
use crate::manifest::Limits;
use crate::output::Output;
use crate::program_file::ProgramFile;
use crate::sandbox::{ExitReason, Restrictions, THREADS_PER_PROCESS};
use crate::sandboxed::{ProcessSpec, SandboxedProcess};
use crate::transcript::Transcript;
use crate::untrusted_file::{self, SHORT};
use anyhow::{Context, anyhow};
use http_edge::ready::ReadyLine;
use nix::sys::signal::Signal;
use process::Program;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Maximum time until a program is ready, or exits after SIGTERM.
const START_STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// Interval between two looks for the ready file.
const READY_INTERVAL: Duration = Duration::from_millis(5);

/// Names the file in which a program reports its address, a [`ReadyLine`] as JSON. It is not
/// standard output, because a student may print there.
const READY_FILE: &str = "LAB_READY_FILE";

/// Settings that all replicas of a check share.
#[derive(Debug)]
pub(crate) struct SharedSetup {
    pub(crate) sandbox: Program,
    pub(crate) program: Arc<ProgramFile>,
    pub(crate) limits: Limits,
    /// Environment variables with the URLs of backing services, such as `REDIS_URL`.
    pub(crate) services: Vec<(String, String)>,
    pub(crate) transcript: Transcript,
    /// Files of the check. They are removed after it.
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

/// Why a program is not ready.
enum NotReady {
    /// It has ended, or did not become ready in time.
    Ended,
    PrintsTooMuch,
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
                let (processes, threads) =
                    (limits.processes, limits.processes * THREADS_PER_PROCESS);
                format!(
                    "it started more than {processes} processes or {threads} threads and \
                     was stopped"
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

    /// Processor time of it and its descendants since it started; `None` if it has ended or
    /// the system does not tell.
    #[must_use]
    pub fn cpu_time(&self) -> Option<Duration> {
        self.running()?.process.cpu_time()
    }

    /// Its log.
    pub(crate) fn log(&self) -> String {
        let Some(running) = self.running() else {
            return String::new();
        };
        let (out, err) = (running.process.stdout.text(), running.process.stderr.text());
        let lines = out.lines().chain(err.lines());
        lines.map(|line| format!("[{}] {line}\n", self.name())).collect()
    }

    /// Resolves when it exceeds the output limit.
    pub(crate) async fn output_limit_exceeded(&self) {
        match self.running() {
            Some(running) => self.prints_too_much(&running.process).await,
            None => std::future::pending().await,
        }
    }

    async fn prints_too_much(&self, process: &SandboxedProcess) {
        let limit = self.0.setup.limits.output_kib << 10;
        tokio::select! {
            () = process.stdout.beyond(limit) => {}
            () = process.stderr.beyond(limit) => {}
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
        let program = &self.0.setup.program;
        if program.is_damaged_by_itself() {
            return Err(damaged());
        }
        let (folder, ready_file) = self.folder_and_ready_file()?;
        let process_spec = self.process_spec(&folder, &ready_file);
        let process = SandboxedProcess::start(&self.0.setup.sandbox, process_spec)?;
        let ready = tokio::select! {
            ready = ready(&ready_file) => Ok(ready),
            _ = process.end() => Err(NotReady::Ended),
            () = self.prints_too_much(&process) => Err(NotReady::PrintsTooMuch),
            () = tokio::time::sleep(START_STOP_TIMEOUT) => Err(NotReady::Ended),
        };
        if process.ended() == Some(ExitReason::NotStarted) {
            return Err(self.cannot_be_run(&process));
        }
        program.ran();
        let url = ready.as_ref().map(|ready| format!("http://{}", ready.address));
        let running = Running { url: url.unwrap_or_default(), process };
        let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = Some(Arc::new(running));
        drop(now);
        ready.map(drop).map_err(|why| match why {
            NotReady::Ended => self.did_not_start(),
            NotReady::PrintsTooMuch => too_much_output(self.name(), self.0.setup.limits),
        })
    }

    fn cannot_be_run(&self, process: &SandboxedProcess) -> CheckError {
        if self.0.setup.program.is_damaged_by_itself() {
            return damaged();
        }
        let why = process.stderr.text();
        anyhow!("the program cannot be run here: {}", why.trim()).into()
    }

    /// A working folder of its own, and the path of its ready file, which lies elsewhere: a
    /// program may remove its working folder and the one above.
    fn folder_and_ready_file(&self) -> anyhow::Result<(PathBuf, PathBuf)> {
        let top = self.0.setup.folder.path();
        let new = |name: &str| {
            let parent = top.join(name);
            fs::create_dir_all(&parent)?;
            tempfile::tempdir_in(parent).map(tempfile::TempDir::keep)
        };
        let both = new("replicas").and_then(|folder| Ok((folder, new("ready")?)));
        let (folder, ready) = both.context("cannot make a folder for a replica")?;
        Ok((folder, ready.join("ready.json")))
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
            "a program that starts and listens",
            "run it by hand: see the README. `support::serve` reports the address",
        );
        if timed_out {
            CheckError::timed_out(expected, actual, help)
        } else {
            CheckError::failed(expected, actual, help)
        }
    }

    fn process_spec<'a>(&self, folder: &'a Path, ready_file: &Path) -> ProcessSpec<'a> {
        let Inner { setup, name, args, .. } = &*self.0;
        let fixed = ["--listen", "127.0.0.1:0", "--replica", name];
        let mut all = vec![setup.program.path().as_os_str().to_owned()];
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
            (READY_FILE.to_owned(), ready_file.into()),
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
            stdout: Output::default(),
            stderr: Output::default(),
        }
    }
}

/// The content of the ready file, as soon as it is complete. The address must be of this
/// machine, because the checks send requests there.
async fn ready(file: &Path) -> ReadyLine {
    loop {
        let text = untrusted_file::read(file, SHORT).unwrap_or_default();
        let ready = serde_json::from_slice(&text).ok();
        if let Some(ready) =
            ready.filter(|ready: &ReadyLine| ready.address.ip().is_loopback())
        {
            return ready;
        }
        tokio::time::sleep(READY_INTERVAL).await;
    }
}

/// The failure of a program that exceeds the output limit.
pub(crate) fn too_much_output(replica: &str, limits: Limits) -> CheckError {
    CheckError::failed(
        format!("at most {} KiB of output", limits.output_kib),
        format!("replica {replica} wrote more"),
        "is there a loop that prints?",
    )
}

fn damaged() -> CheckError {
    CheckError::failed(
        "a program that leaves its own file alone",
        "the program deleted or changed its own file while it ran",
        "which of your functions deletes, renames or writes files?",
    )
}
