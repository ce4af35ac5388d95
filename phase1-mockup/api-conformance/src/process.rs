//! A server as a real process: started, known to be ready, read, ended, reaped.
//!
//! A task inside the test could not be killed the way a machine fails. The pipes are read
//! by threads, and dropping a server waits for its death: no test leaves one behind.

use crate::eventually::eventually;
use crate::lines::Lines;
use anyhow::{Context, bail};
use http_edge::ready::ReadyLine;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long a process may take to be ready, to log, or to end once told to.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running server, or one that has ended.
#[derive(Debug)]
pub struct Server {
    child: Child,
    stdout: Lines,
    stderr: Lines,
    ready: ReadyLine,
}

impl Server {
    /// Starts a program and waits for its ready line.
    ///
    /// # Errors
    /// When it cannot be started or is not ready in time; what it wrote to standard error
    /// is in the message.
    pub async fn start(program: &Path, args: &[String]) -> anyhow::Result<Self> {
        let (mut child, stdout, mut stderr) = spawn(program, args)?;
        let looked = eventually(PATIENCE, "the ready line", async || {
            if let Some(ready) = stdout.find(ReadyLine::parse) {
                return Ok(Some(ready));
            }
            match child.try_wait()? {
                Some(status) => bail!("it ended with {status}"),
                None => Ok(None),
            }
        });
        match looked.await {
            Ok(ready) => Ok(Self { child, stdout, stderr, ready }),
            Err(error) => {
                let _ended_already = child.kill();
                child.wait()?;
                let said = stderr.read_to_the_end();
                Err(error.context(format!("{} said:\n{said}", program.display())))
            }
        }
    }

    /// Where it takes requests.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.ready.address)
    }

    /// What it said of itself when it was ready.
    #[must_use]
    pub const fn ready(&self) -> &ReadyLine {
        &self.ready
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
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

    /// Waits for a line of the log that holds all of `parts`, and returns it.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn logged(&self, parts: &[&str]) -> anyhow::Result<String> {
        let holds_all = |line: &str| {
            let all = parts.iter().all(|part| line.contains(part));
            all.then(|| line.to_owned())
        };
        let what = format!("a log line with {parts:?}");
        eventually(PATIENCE, &what, async || Ok(self.stderr.find(holds_all))).await
    }

    /// Its log so far, event by event; for a server that was started with `--log json`.
    #[must_use]
    pub fn events(&self) -> Vec<serde_json::Value> {
        let log = self.log();
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// One figure from `/metrics`; `None` when the server keeps no such figure.
    ///
    /// # Errors
    /// When the metrics cannot be read.
    pub async fn metric(&self, name: &str) -> anyhow::Result<Option<f64>> {
        let figure = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
        Ok(self.metrics().await?.lines().find_map(figure))
    }

    /// Everything that `/metrics` says.
    ///
    /// # Errors
    /// When there is no admin listener or it does not answer.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let admin = self.ready.admin.context("started without --admin-listen")?;
        let client = crate::client::Client::new(&format!("http://{admin}"));
        let page = client.request(http::Method::GET, api_contract::paths::METRICS);
        let reply = client.send(page).await?;
        Ok(String::from_utf8_lossy(&reply.body).into_owned())
    }

    /// Ends it as a crash would: no signal handler, no last word (SIGKILL).
    ///
    /// # Errors
    /// When it had ended before.
    pub fn kill_9(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("it had already ended, with {status}");
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits until it has; then its log is complete.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        let pid = i32::try_from(self.child.id()).context("a process id is an i32")?;
        kill(Pid::from_raw(pid), Signal::SIGTERM)?;
        let status = end_of(&mut self.child).await?;
        self.stderr.read_to_the_end();
        Ok(status)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A program that has run to its end.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Runs a program that is expected to end by itself.
///
/// # Errors
/// When it cannot be started or does not end in time.
pub async fn run_to_end(program: &Path, args: &[String]) -> anyhow::Result<Ended> {
    let (mut child, _stdout, mut stderr) = spawn(program, args)?;
    let status = match end_of(&mut child).await {
        Ok(status) => status,
        Err(error) => {
            child.kill()?;
            child.wait()?;
            return Err(error.context(stderr.read_to_the_end()));
        }
    };
    Ok(Ended { status, stderr: stderr.read_to_the_end() })
}

async fn end_of(child: &mut Child) -> anyhow::Result<ExitStatus> {
    eventually(PATIENCE, "the end of a process", async || Ok(child.try_wait()?)).await
}

fn spawn(program: &Path, args: &[String]) -> anyhow::Result<(Child, Lines, Lines)> {
    let mut child = Command::new(program)
        .args(args)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let stdout = child.stdout.take().context("standard output is piped")?;
    let stderr = child.stderr.take().context("standard error is piped")?;
    Ok((child, Lines::read(stdout), Lines::read(stderr)))
}
