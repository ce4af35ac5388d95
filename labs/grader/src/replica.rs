//! One copy of the program under test: a real process, started, killed, started again.

use crate::cage::{Bars, End};
use crate::caged::{CageProgram, Caged, Inmate};
use crate::manifest::Limits;
use crate::output::Output;
use crate::stop::Stop;
use crate::transcript::Transcript;
use anyhow::{Context, anyhow};
use http_edge::ready::ReadyLine;
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a program may take to say that it is ready, or to end when asked to.
const PATIENCE: Duration = Duration::from_secs(15);

/// What all replicas of a check have in common.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) cage: CageProgram,
    pub(crate) program: PathBuf,
    pub(crate) limits: Limits,
    /// Where backing services are, such as `REDIS_URL`.
    pub(crate) services: Vec<(String, String)>,
    pub(crate) transcript: Transcript,
    /// Removed, with everything that replicas wrote there, after the check.
    pub(crate) folder: tempfile::TempDir,
}

/// A replica. It is killed when the check ends.
#[derive(Clone, Debug)]
pub struct Replica(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    args: Vec<String>,
    ground: Arc<Ground>,
    now: Mutex<Option<Arc<Running>>>,
}

#[derive(Debug)]
struct Running {
    url: String,
    caged: Caged,
}

impl Replica {
    pub(crate) async fn start(
        ground: Arc<Ground>,
        name: &str,
        args: &[&str],
    ) -> Result<Self, Stop> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let (name, now) = (name.to_owned(), Mutex::default());
        let replica = Self(Arc::new(Inner { name, args, ground, now }));
        replica.come_up().await?;
        Ok(replica)
    }

    /// Its name, such as `r1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where it takes requests. A restarted one has another port.
    #[must_use]
    pub fn url(&self) -> String {
        self.running().map_or_else(String::new, |running| running.url.clone())
    }

    /// SIGKILL: a crash, for it and everything it started. Returns when it is gone.
    pub async fn kill(&self) {
        self.say(&format!("⚡ killed replica {}", self.name()));
        self.signal(Signal::SIGKILL).await;
        self.gone().await;
    }

    /// SIGTERM: it is asked to end. Returns when it has.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not.
    pub async fn terminate(&self) -> Result<(), Stop> {
        self.say(&format!("⚡ asked replica {} to stop (SIGTERM)", self.name()));
        self.signal(Signal::SIGTERM).await;
        if tokio::time::timeout(PATIENCE, self.gone()).await.is_ok() {
            return Ok(());
        }
        let expected = format!("an end within {} s of SIGTERM", PATIENCE.as_secs());
        Err(Stop::failed(expected, "it still runs", "is a request or a task never done?"))
    }

    /// SIGSTOP: it is there and does nothing.
    pub async fn pause(&self) {
        self.say(&format!("⚡ paused replica {}", self.name()));
        self.signal(Signal::SIGSTOP).await;
    }

    /// The end of a pause.
    pub async fn resume(&self) {
        self.say(&format!("⚡ resumed replica {}", self.name()));
        self.signal(Signal::SIGCONT).await;
    }

    /// Starts it anew, killing it first if it still runs: same name and arguments, another
    /// process, another port, an empty folder.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not come up.
    pub async fn restart(&self) -> Result<(), Stop> {
        if self.running().is_some_and(|running| running.caged.ended().is_none()) {
            self.kill().await;
        }
        self.come_up().await?;
        self.say(&format!(
            "⚡ started replica {} again, now at {}",
            self.name(),
            self.url()
        ));
        Ok(())
    }

    /// The end of the check: returns when nothing of it is left.
    pub(crate) async fn finish(&self) {
        self.signal(Signal::SIGKILL).await;
        self.gone().await;
    }

    /// How it ended, if it did so without being told to.
    pub(crate) fn fate(&self) -> Option<String> {
        let end = self.running()?.caged.ended()?;
        let limits = &self.0.ground.limits;
        let why = match end {
            End::Told => return None,
            End::Well => "it ended by itself, with exit code 0".to_owned(),
            End::Badly => {
                "it ended by itself, with an error (its log says why)".to_owned()
            }
            End::Processes => {
                format!("it had more than {} processes and was stopped", limits.processes)
            }
            End::Memory => {
                format!("it used more than {} MiB and was stopped", limits.memory_mib)
            }
            End::Time => {
                format!("it ran for more than {} s and was stopped", limits.seconds)
            }
            End::NotStarted => "it could not be started".to_owned(),
        };
        Some(format!("replica {}: {why}", self.name()))
    }

    /// What it wrote.
    pub(crate) fn log(&self) -> String {
        let Some(running) = self.running() else {
            return String::new();
        };
        let (out, err) = (running.caged.stdout.text(), running.caged.stderr.text());
        let ours = |line: &&str| !line.starts_with("ready ");
        let lines = out.lines().filter(ours).chain(err.lines());
        lines.map(|line| format!("[{}] {line}\n", self.name())).collect()
    }

    /// Resolves when it has written more than it may.
    pub(crate) async fn floods(&self) {
        let Some(running) = self.running() else {
            return std::future::pending().await;
        };
        let limit = self.0.ground.limits.output_kib << 10;
        tokio::select! {
            () = running.caged.stdout.beyond(limit) => {}
            () = running.caged.stderr.beyond(limit) => {}
        }
    }

    fn say(&self, line: &str) {
        self.0.ground.transcript.say(line);
    }

    async fn signal(&self, signal: Signal) {
        if let Some(running) = self.running() {
            running.caged.signal(signal).await;
        }
    }

    async fn gone(&self) {
        if let Some(running) = self.running() {
            running.caged.end().await;
        }
    }

    fn running(&self) -> Option<Arc<Running>> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn come_up(&self) -> Result<(), Stop> {
        let folder = tempfile::tempdir_in(self.0.ground.folder.path());
        let folder = folder.context("cannot make a folder for a replica")?.keep();
        let caged = Caged::start(&self.0.ground.cage, self.inmate(&folder))?;
        let ready = tokio::select! {
            line = caged.stdout.ready() => ReadyLine::parse(&line),
            _ = caged.end() => None,
            () = tokio::time::sleep(PATIENCE) => None,
        };
        if caged.ended() == Some(End::NotStarted) {
            let why = caged.stderr.text();
            return Err(anyhow!("the program cannot be run here: {}", why.trim()).into());
        }
        let url = ready.map(|ready| format!("http://{}", ready.address));
        let up = url.is_some();
        let running = Running { url: url.unwrap_or_default(), caged };
        let mut now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = Some(Arc::new(running));
        drop(now);
        if up { Ok(()) } else { Err(self.did_not_start()) }
    }

    fn did_not_start(&self) -> Stop {
        let waits = format!("no ready line within {} s", PATIENCE.as_secs());
        let fate = self.fate();
        let by_clock = fate.is_none();
        let actual = fate.unwrap_or(waits);
        let (log, name) = (self.log(), self.name());
        self.say(&format!("replica {name} did not start:"));
        log.lines().rev().take(5).for_each(|line| self.say(line));
        let (expected, help) =
            ("a program that starts and listens", "run it yourself: see the README");
        if by_clock {
            Stop::too_slow(expected, actual, help)
        } else {
            Stop::failed(expected, actual, help)
        }
    }

    fn inmate<'a>(&self, folder: &'a Path) -> Inmate<'a> {
        let Inner { ground, name, args, .. } = &*self.0;
        let fixed = ["--listen", "127.0.0.1:0", "--replica", name];
        let mut all = vec![ground.program.clone().into_os_string()];
        all.extend(fixed.map(Into::into));
        all.extend(args.iter().map(Into::into));
        let place = folder.as_os_str();
        let services = ground.services.iter();
        let mut environment: Vec<(String, OsString)> =
            services.map(|(name, url)| (name.clone(), url.into())).collect();
        environment.extend([
            ("HOME".to_owned(), place.into()),
            ("TMPDIR".to_owned(), place.into()),
            ("LAB_CAGE".to_owned(), "1".into()),
            ("RUST_BACKTRACE".to_owned(), "0".into()),
        ]);
        let bars = Bars {
            processes: ground.limits.processes,
            memory: ground.limits.memory_mib << 20,
            time: ground.limits.time(),
        };
        Inmate { args: all, folder, environment, bars, stderr: Output::default() }
    }
}
