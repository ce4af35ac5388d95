//! A server as a real process: starts it, waits until it is ready, reads its log, ends it.
//!
//! A task inside the test could not be killed with SIGKILL. Dropping a server waits until its
//! process has ended, so no test leaves a process behind.

use crate::eventually::eventually;
use anyhow::{Context, bail, ensure};
use client::expect::equal;
use http_edge::ready::ReadyLine;
use nix::sys::signal::Signal;
use process::{Lines, Process, command_with_death_signal, ended};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

/// The longest time for a process to become ready, to log a line, or to end.
pub const PROCESS_TIMEOUT: Duration = Duration::from_secs(30);

/// A server process, running or ended.
#[derive(Debug)]
pub struct Server {
    process: Process,
    stdout: Lines,
    stderr: Lines,
    ready: ReadyLine,
}

impl Server {
    /// Starts a program and waits for its ready line.
    ///
    /// # Errors
    /// When it cannot be started or is not ready in time. The error contains its standard error.
    pub async fn start(program: &Path, args: &[String]) -> anyhow::Result<Self> {
        let (mut process, stdout, mut stderr) = spawn(program, args)?;
        match process.ready(&stdout, ReadyLine::parse, PROCESS_TIMEOUT).await {
            Ok(ready) => Ok(Self { process, stdout, stderr, ready }),
            Err(error) => {
                process.kill();
                let log = stderr.read_to_end();
                Err(anyhow::Error::new(error)
                    .context(format!("standard error of {}:\n{log}", program.display())))
            }
        }
    }

    /// The base URL.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.ready.address)
    }

    /// The ready line.
    #[must_use]
    pub const fn ready(&self) -> &ReadyLine {
        &self.ready
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid().cast_unsigned()
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.stderr.text()
    }

    /// Its standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.stdout.text()
    }

    /// Waits for a log line that contains all of `parts`, and returns it.
    ///
    /// # Errors
    /// When there is no such line in time.
    pub async fn logged(&self, parts: &[&str]) -> anyhow::Result<String> {
        let contains_all = |line: &str| {
            let all = parts.iter().all(|part| line.contains(part));
            all.then(|| line.to_owned())
        };
        let condition = format!("a log line with {parts:?}");
        eventually(PROCESS_TIMEOUT, &condition, async || {
            Ok(self.stderr.find(contains_all))
        })
        .await
    }

    /// Its log events so far, for a server that was started with `--log json`.
    #[must_use]
    pub fn events(&self) -> Vec<serde_json::Value> {
        let log = self.log();
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The value of one metric; `None` if the server has no such metric.
    ///
    /// # Errors
    /// When the metrics cannot be read.
    pub async fn metric(&self, name: &str) -> anyhow::Result<Option<f64>> {
        let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
        Ok(self.metrics().await?.lines().find_map(value))
    }

    /// The text of `/metrics`.
    ///
    /// # Errors
    /// When there is no admin listener or it does not answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let admin = self.ready.admin.context("started without --admin-listen")?;
        let client = client::Client::new(&format!("http://{admin}"));
        let page = client.request(http::Method::GET, api_contract::paths::METRICS);
        let reply = client.send(page).await?;
        Ok(String::from_utf8_lossy(&reply.body).into_owned())
    }

    /// Kills it with SIGKILL, like a crash.
    ///
    /// # Errors
    /// When it had ended before.
    pub fn kill_9(&mut self) -> anyhow::Result<()> {
        if let Some(status) = *self.process.exit_status().borrow() {
            bail!("the process had already ended with {status}");
        }
        self.process.kill();
        Ok(())
    }

    /// Sends SIGTERM and waits until it has ended. Then its log is complete.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        self.process.signal(Signal::SIGTERM);
        let status = wait_for_end(&self.process).await?;
        self.stderr.read_to_end();
        Ok(status)
    }
}

/// A program that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The exit status.
    pub status: ExitStatus,
    /// Its standard error.
    pub stderr: String,
}

/// Runs a program that should end by itself.
///
/// # Errors
/// When it cannot be started or does not end in time.
pub async fn run_to_end(program: &Path, args: &[String]) -> anyhow::Result<Ended> {
    let (mut process, _stdout, mut stderr) = spawn(program, args)?;
    let end = wait_for_end(&process).await;
    process.kill();
    let stderr = stderr.read_to_end();
    let status = end.with_context(|| stderr.clone())?;
    Ok(Ended { status, stderr })
}

async fn wait_for_end(process: &Process) -> anyhow::Result<ExitStatus> {
    let end = tokio::time::timeout(PROCESS_TIMEOUT, ended(process.exit_status()));
    end.await
        .with_context(|| format!("not within {PROCESS_TIMEOUT:?}: the end of a process"))
}

fn spawn(program: &Path, args: &[String]) -> anyhow::Result<(Process, Lines, Lines)> {
    let mut command = command_with_death_signal(program, None, Signal::SIGKILL);
    command
        .args(args)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let started = Process::start(command);
    let mut process =
        started.with_context(|| format!("cannot start {}", program.display()))?;
    let stdout = process.stdout.take().context("standard output is piped")?;
    let stderr = process.stderr.take().context("standard error is piped")?;
    Ok((process, Lines::read(stdout), Lines::read(stderr)))
}

/// Checks that a program exits with code 2 and one line on standard error, which contains all
/// of `advice`, but no stack trace and not the word `CANARY`.
///
/// # Errors
/// When it exits in another way, or not in time.
pub async fn refuses_to_start(
    program: &str,
    flags: &[String],
    advice: &[&str],
) -> anyhow::Result<()> {
    let ended = run_to_end(Path::new(program), flags).await?;
    let text = &ended.stderr;
    equal("the exit code", ended.status.code(), Some(2))?;
    equal("lines on standard error", text.lines().count(), 1)?;
    for part in advice {
        ensure!(
            text.contains(part),
            "expected: a line with {part:?}\n  actual:   {text}"
        );
    }
    for leak in ["panicked", "stack backtrace", "CANARY"] {
        ensure!(!text.contains(leak), "{leak:?} must not be in: {text}");
    }
    Ok(())
}
