//! HAProxy with the configuration of this repository, as a process of the test.

use crate::fixture::TIMEOUT;
use process::{Process, Signal, ended};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::Instant;

/// The environment variable with the programs that must be installed. A test that needs one
/// of them then fails instead of skipping.
const MUST_HAVE: &str = "LAB_MUST_HAVE";

/// Ports to try, because another process may take a free one first.
const MAX_ATTEMPTS: usize = 5;

/// A running HAProxy. Dropped, it is killed.
pub(crate) struct HaProxy {
    pub(crate) address: SocketAddr,
    process: Process,
    folder: TempDir,
}

/// Whether HAProxy is installed. Prints a line if not, because a skipped test must not look
/// like a passed one.
pub(crate) fn is_installed() -> bool {
    if backing_services::haproxy_version().is_some() {
        return true;
    }
    let must = std::env::var(MUST_HAVE).unwrap_or_default();
    let must = must.split(' ').any(|one| one == "haproxy");
    assert!(!must, "{MUST_HAVE} names haproxy, which is not installed");
    eprintln!("SKIPPED on HAProxy: it is not installed");
    false
}

impl HaProxy {
    /// Starts HAProxy with these backends and waits until all of them are up.
    pub(crate) async fn start(policy: &str, backends: &[(&str, SocketAddr)]) -> Self {
        let mut replicas = format!("backend replicas from {policy}\n");
        for (id, address) in backends {
            replicas += &format!("    server {id} {address} cookie {id}\n");
        }
        for _ in 0..MAX_ATTEMPTS {
            if let Some(started) = Self::try_start(&replicas).await {
                for (id, _) in backends {
                    started.until(id, |state| state == "UP").await;
                }
                return started;
            }
        }
        panic!("HAProxy does not start");
    }

    async fn try_start(replicas: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("replicas.cfg");
        fs::write(&file, replicas).unwrap();
        let address = free_address();
        let admin_socket = folder.path().join("admin.sock");
        let (listen, socket) = (address.to_string(), admin_socket.to_str().unwrap());
        let environment = [("LISTEN", listen.as_str()), ("ADMIN_SOCKET", socket)];
        let accepts = async || UnixStream::connect(&admin_socket).await.is_ok();
        let files = [config_file(), file];
        let files = files.each_ref().map(PathBuf::as_path);
        let process = backing_services::haproxy(&files, &environment, accepts).await;
        Some(Self { address, process: process.unwrap()?, folder })
    }

    fn admin_socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    /// Sends a command over the admin socket and returns the answer.
    pub(crate) async fn command(&self, command: &str) -> String {
        let mut socket = UnixStream::connect(self.admin_socket()).await.unwrap();
        socket.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Waits until the status of a backend (`UP`, `DOWN`, `DRAIN`, ...) is as wanted.
    pub(crate) async fn until(&self, id: &str, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let state = self.statistic(id, "status").await;
            if wanted(&state) {
                return;
            }
            assert!(Instant::now() < deadline, "{id} is {state}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A column of the statistics, in a backend's row.
    pub(crate) async fn statistic(&self, id: &str, column: &str) -> String {
        let table = self.command("show stat").await;
        let mut rows = table.trim_start_matches("# ").lines().map(|row| row.split(','));
        let at = rows.next().unwrap().position(|name| name == column).unwrap();
        let row = rows.find(|row| row.clone().take(2).eq(["replicas", id])).unwrap();
        row.clone().nth(at).unwrap().to_owned()
    }

    /// Signals it to stop; it drains first.
    pub(crate) fn signal_stop(&self) {
        self.process.signal(Signal::SIGUSR1);
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(self) {
        let end = ended(self.process.exit_status());
        tokio::time::timeout(TIMEOUT, end).await.unwrap();
    }
}

/// The configuration in `deployment/`, not a copy.
fn config_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deployment/haproxy/haproxy.cfg")
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
