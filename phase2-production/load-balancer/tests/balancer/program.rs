//! The balancer as a program of its own, for tests of its descriptors, signals and log.

use crate::fixture::{TIMEOUT, TOKEN};
use http_edge::ready::ReadyLine;
use load_balancer::status::Status;
use std::fs;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running program. Dropped, it is killed.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    process: Child,
    log: Arc<Mutex<String>>,
    _folder: TempDir,
}

/// The command that runs the balancer after the shell commands `setup`, which may set limits
/// or move descriptors.
fn command(setup: &str, stdin: Stdio) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{setup}; exec \"$0\" \"$@\""));
    command.arg(env!("CARGO_BIN_EXE_load-balancer"));
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

impl Program {
    /// Starts the program and waits for its ready line.
    pub(crate) async fn start(setup: &str, stdin: Stdio, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        fs::write(&token, TOKEN).unwrap();
        let mut process = command(setup, stdin)
            .args(["--admin-listen", "127.0.0.1:0", "--admin-token-file"])
            .arg(&token)
            .args(flags)
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut log = kept.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = tokio::time::timeout(TIMEOUT, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(ready) = ReadyLine::parse(&line) {
                    return Some(ready);
                }
            }
            None
        });
        let ready = ready.await.unwrap();
        let text = || log.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ready = ready.unwrap_or_else(|| panic!("no ready line: {}", text()));
        let (address, admin) = (ready.address, ready.admin.unwrap());
        Self { address, admin, process, log, _folder: folder }
    }

    /// Runs the program to its end. Returns its exit code and its standard error.
    pub(crate) async fn fail(stdin: Stdio, flags: &[&str]) -> (Option<i32>, String) {
        let mut process = command(":", stdin).args(flags).spawn().unwrap();
        let ended = tokio::time::timeout(TIMEOUT, process.wait()).await.unwrap();
        let mut text = String::new();
        process.stderr.take().unwrap().read_to_string(&mut text).await.unwrap();
        (ended.unwrap().code(), text)
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    pub(crate) async fn terminate(&self) {
        let id = self.id().to_string();
        let signalled = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(signalled.unwrap().success());
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        tokio::time::timeout(TIMEOUT, self.process.wait()).await.unwrap().unwrap()
    }
}
