//! One child process: starts it and waits until it is ready.

use anyhow::{Context, bail};
use api_contract::secret::Secret;
use command_fds::{CommandFdExt, FdMapping};
use http_edge::ready::ReadyLine;
use process::{Lines, LogTail, NotReady, Process, Program};
use std::ffi::OsString;
use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// The longest time from the start of a process to its ready line.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The descriptor of an inherited listener: the first one after standard error, as in the
/// protocol of systemd (`sd_listen_fds(3)`).
pub(crate) const LISTENER_FD: i32 = 3;

/// How to start a process.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) program: Program,
    pub(crate) args: Vec<OsString>,
    /// Arguments that are different at each start.
    pub(crate) more_args: Vec<OsString>,
    /// Environment variables with secrets. Other users can read a command line, but not the
    /// environment.
    pub(crate) secrets: Vec<(&'static str, Secret)>,
    /// The log file; each start appends to it.
    pub(crate) log: PathBuf,
    /// A listening socket that the process inherits as descriptor [`LISTENER_FD`].
    pub(crate) listener: Option<Arc<TcpListener>>,
}

/// A process that was ready, with the addresses that it reported.
#[derive(Debug)]
pub(crate) struct ReadyProcess {
    pub(crate) process: Process,
    pub(crate) ready: ReadyLine,
}

impl ReadyProcess {
    /// Starts it and waits for its ready line.
    pub(crate) async fn start(spec: &Spec) -> anyhow::Result<Self> {
        let log = LogTail::after(&spec.log);
        let started = Process::start(command(spec)?);
        let mut process = started
            .with_context(|| format!("cannot start {}", spec.program.path.display()))?;
        let output = process.stdout.take().context("standard output is piped")?;
        let output = Lines::read(output);
        match process.ready(&output, ReadyLine::parse, START_TIMEOUT).await {
            Ok(ready) => Ok(Self { process, ready }),
            Err(NotReady::Ended(_)) => bail!("{}", log.reason()),
            Err(late) => bail!("{late}; its log: {}", log.reason()),
        }
    }
}

fn command(spec: &Spec) -> anyhow::Result<Command> {
    let log = File::options().create(true).append(true).open(&spec.log);
    let log = log.with_context(|| format!("cannot write {}", spec.log.display()))?;
    let mut command = spec.program.child_command();
    command
        .args(&spec.args)
        .args(&spec.more_args)
        .envs(spec.secrets.iter().map(|(name, secret)| (name, secret.expose())))
        .stdout(Stdio::piped())
        .stderr(log);
    if let Some(listener) = &spec.listener {
        let parent_fd = listener.try_clone().context("the public listener")?.into();
        command.fd_mappings(vec![FdMapping { parent_fd, child_fd: LISTENER_FD }])?;
    }
    Ok(command)
}
