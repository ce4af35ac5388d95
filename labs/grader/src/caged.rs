//! A program in a cage, seen from the grader.

use crate::cage::{Bars, End};
use crate::output::Output;
use anyhow::Context;
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

/// How long reading what a program wrote may take when it has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The program that is the cage: its path and what comes before the cage's arguments.
#[derive(Clone, Debug)]
pub struct CageProgram {
    /// Its path.
    pub path: PathBuf,
    /// Such as `cage`.
    pub prefix: Vec<OsString>,
}

/// What is run in a cage.
#[derive(Debug)]
pub(crate) struct Inmate<'a> {
    pub(crate) args: Vec<OsString>,
    pub(crate) folder: &'a Path,
    /// All that it sees, with `PATH`. Our own, such as a CI job's, may hold secrets.
    pub(crate) environment: Vec<(String, OsString)>,
    pub(crate) bars: Bars,
    /// Takes what it says on standard error.
    pub(crate) stderr: Output,
}

/// A caged program. Dropped, it ends with everything it started.
#[derive(Debug)]
pub(crate) struct Caged {
    orders: Mutex<ChildStdin>,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    end: watch::Receiver<Option<End>>,
}

impl Caged {
    pub(crate) fn start(cage: &CageProgram, inmate: Inmate<'_>) -> anyhow::Result<Self> {
        let (stdout, stderr) = (Output::default(), inmate.stderr.clone());
        let mut child = spawn(cage, inmate)?;
        let said = [
            stdout.follow(child.stdout.take().context("standard output is piped")?),
            stderr.follow(child.stderr.take().context("standard error is piped")?),
        ];
        let orders = Mutex::new(child.stdin.take().context("standard input is piped")?);
        let (tell, end) = watch::channel(None);
        tokio::spawn(async move {
            let status = child.wait().await.ok().and_then(|status| status.code());
            // Nobody who could write is left, so what was written is read in no time.
            let _still_open = timeout(LAST_WORDS, join_all(said)).await;
            // A cage that ended in another way was killed, and by nobody of us.
            tell.send_replace(Some(End::of(status).unwrap_or(End::Badly)));
        });
        Ok(Self { orders, stdout, stderr, end })
    }

    /// Sends a signal to the program. SIGKILL goes to everything that it started, too.
    pub(crate) async fn signal(&self, signal: Signal) {
        let order = format!("{}\n", signal.as_str());
        let mut orders = self.orders.lock().await;
        let _gone = orders.write_all(order.as_bytes()).await;
        let _gone = orders.flush().await;
    }

    /// Resolves when the program and everything it started has ended.
    pub(crate) async fn end(&self) -> End {
        let mut end = self.end.clone();
        let ended = end.wait_for(Option::is_some).await;
        ended.ok().and_then(|end| *end).unwrap_or(End::Badly)
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<End> {
        *self.end.borrow()
    }
}

fn spawn(cage: &CageProgram, inmate: Inmate<'_>) -> anyhow::Result<Child> {
    let mut command = Command::new(&cage.path);
    command
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
        .args(&cage.prefix)
        .args(inmate.bars.args())
        .args(inmate.args)
        .current_dir(inmate.folder)
        .envs(inmate.environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", cage.path.display()))
}
