//! The balancer as a program of its own, for tests of its descriptors, signals and log.

use crate::fixture::{TIMEOUT, TOKEN};
use http_edge::ready::ReadyLine;
use load_balancer::status::Status;
use process::{Lines, Process, Signal, command_with_death_signal, ended};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use tempfile::TempDir;

/// A running program. Dropped, it is killed.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    process: Process,
    log: Lines,
    _folder: TempDir,
}

/// The command that runs the balancer after the shell commands `setup`, which may set limits
/// or move descriptors.
fn command(setup: &str, stdin: Stdio) -> Command {
    let mut command = command_with_death_signal(Path::new("sh"), None, Signal::SIGKILL);
    command.arg("-c").arg(format!("{setup}; exec \"$0\" \"$@\""));
    command.arg(env!("CARGO_BIN_EXE_load-balancer"));
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Program {
    /// Starts the program and waits for its ready line.
    pub(crate) async fn start(setup: &str, stdin: Stdio, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        fs::write(&token, TOKEN).unwrap();
        let mut command = command(setup, stdin);
        command.args(["--admin-listen", "127.0.0.1:0", "--admin-token-file"]);
        command.arg(&token).args(flags);
        let mut process = Process::start(command).unwrap();
        let log = Lines::read(process.stderr.take().unwrap());
        let output = Lines::read(process.stdout.take().unwrap());
        let ready = process.ready(&output, ReadyLine::parse, TIMEOUT).await;
        let ready = ready.unwrap_or_else(|why| panic!("{why}: {}", log.text()));
        let (address, admin) = (ready.address, ready.admin.unwrap());
        Self { address, admin, process, log, _folder: folder }
    }

    /// Runs the program to its end. Returns its exit code and its standard error.
    pub(crate) async fn fail(stdin: Stdio, flags: &[&str]) -> (Option<i32>, String) {
        let mut command = command(":", stdin);
        command.args(flags);
        let mut process = Process::start(command).unwrap();
        let mut log = Lines::read(process.stderr.take().unwrap());
        let end = ended(process.exit_status());
        let status = tokio::time::timeout(TIMEOUT, end).await.unwrap();
        (status.code(), log.read_to_end())
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> i32 {
        self.process.pid()
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// The answer of `GET /status`.
    pub(crate) async fn status(&self) -> Status {
        http_edge::crypto::install_provider();
        let request = reqwest::Client::new().get(format!("http://{}/status", self.admin));
        request.bearer_auth(TOKEN).send().await.unwrap().json().await.unwrap()
    }

    /// Waits until the status is as wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&Status) -> bool) {
        let waiting = async {
            while !wanted(&self.status().await) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(TIMEOUT, waiting).await.unwrap();
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.process.signal(Signal::SIGTERM);
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&self) -> ExitStatus {
        let end = ended(self.process.exit_status());
        tokio::time::timeout(TIMEOUT, end).await.unwrap()
    }
}
