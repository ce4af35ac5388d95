//! HAProxy with the configuration that is shipped, as a process of a test's own.

use crate::rig::PATIENCE;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// Names what must be here: then a test without it fails instead of doing nothing.
const MUST_HAVE: &str = "LAB_MUST_HAVE";

/// How many ports are tried, should somebody take one first.
const ATTEMPTS: usize = 5;

/// A running HAProxy. Dropped, it is killed.
pub(crate) struct HaProxy {
    pub(crate) address: SocketAddr,
    process: Child,
    folder: TempDir,
}

/// Whether it is installed. Says so if not: a test that does nothing must not look like one
/// that has passed.
pub(crate) async fn is_here() -> bool {
    let asked = Command::new("haproxy").arg("-v").stdout(Stdio::null()).status().await;
    if asked.is_ok_and(|status| status.success()) {
        return true;
    }
    let must = std::env::var(MUST_HAVE).unwrap_or_default();
    let must = must.split(' ').any(|one| one == "haproxy");
    assert!(!must, "{MUST_HAVE} names haproxy, which is not installed");
    eprintln!("SKIPPED on HAProxy: it is not installed");
    false
}

impl HaProxy {
    /// Starts one before these backends, and waits until it has found all of them well.
    pub(crate) async fn start(policy: &str, backends: &[(&str, SocketAddr)]) -> Self {
        let mut replicas = format!("backend replicas from {policy}\n");
        for (id, address) in backends {
            replicas += &format!("    server {id} {address} cookie {id}\n");
        }
        for _ in 0..ATTEMPTS {
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
        let process = Command::new("haproxy")
            // In the foreground, and on a port that nobody else may have (-dR).
            .args(["-db", "-dR"])
            .args(["-f".as_ref(), shipped().as_path(), "-f".as_ref(), &file])
            .env("LISTEN", address.to_string())
            .env("ADMIN_SOCKET", folder.path().join("admin.sock"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut started = Self { address, process, folder };
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(started.admin_socket()).await.is_err() {
            if started.process.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(Instant::now() < deadline, "HAProxy takes no orders");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Some(started)
    }

    fn admin_socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    /// Gives an order over the socket for that, and returns the answer.
    pub(crate) async fn order(&self, order: &str) -> String {
        let mut socket = UnixStream::connect(self.admin_socket()).await.unwrap();
        socket.write_all(format!("{order}\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Waits until what it says of a backend is as wanted: `UP`, `DOWN`, `DRAIN`, ...
    pub(crate) async fn until(&self, id: &str, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let state = self.figure(id, "status").await;
            if wanted(&state) {
                return;
            }
            assert!(Instant::now() < deadline, "{id} is {state}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A column of its table, in a backend's row.
    pub(crate) async fn figure(&self, id: &str, column: &str) -> String {
        let table = self.order("show stat").await;
        let mut rows = table.trim_start_matches("# ").lines().map(|row| row.split(','));
        let at = rows.next().unwrap().position(|name| name == column).unwrap();
        let row = rows.find(|row| row.clone().take(2).eq(["replicas", id])).unwrap();
        row.clone().nth(at).unwrap().to_owned()
    }

    /// Tells it to stop; it goes on until it has drained.
    pub(crate) async fn tell_to_stop(&self) {
        let pid = self.process.id().unwrap().to_string();
        let told = Command::new("kill").args(["-USR1", &pid]).status().await;
        assert!(told.unwrap().success());
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(mut self) {
        tokio::time::timeout(PATIENCE, self.process.wait()).await.unwrap().unwrap();
    }
}

/// The file itself, not a copy.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deployment/haproxy/haproxy.cfg")
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
