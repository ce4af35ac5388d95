//! A program in a cage, seen from the grader.

use crate::cage::{Bars, End};
use crate::output::Output;
use anyhow::Context;
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex, watch};

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
    pub(crate) environment: Vec<(String, String)>,
    /// Whether it sees our environment. A learner's program does not: a CI job's holds
    /// secrets.
    pub(crate) sees_ours: bool,
    pub(crate) bars: Bars,
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
        let mut child = spawn(cage, inmate)?;
        let (stdout, stderr) = (Output::default(), Output::default());
        stdout.follow(child.stdout.take().context("standard output is piped")?);
        stderr.follow(child.stderr.take().context("standard error is piped")?);
        let orders = Mutex::new(child.stdin.take().context("standard input is piped")?);
        let (tell, end) = watch::channel(None);
        tokio::spawn(async move {
            let status = child.wait().await.ok().and_then(|status| status.code());
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
    if !inmate.sees_ours {
        command.env_clear();
        command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
    }
    command
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
