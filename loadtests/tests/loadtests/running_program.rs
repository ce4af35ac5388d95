//! Runs a load test program and collects its exit code and files.

use crate::orphan_processes::children_of;
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Limit for a run. It only stops hanging runs: the load takes a few seconds, and services
/// may have to be built first.
const RUN_TIMEOUT: Duration = Duration::from_secs(300);

/// A running program.
pub(crate) struct RunningProgram {
    pub(crate) child: Child,
    /// Its temporary folder, removed on drop.
    pub(crate) folder: TempDir,
}

/// The result of a program.
pub(crate) struct ProgramOutput {
    pub(crate) status: ExitStatus,
    /// Its standard error.
    pub(crate) errors: String,
    /// Its report, if it wrote one.
    pub(crate) report: Option<Value>,
    pub(crate) page: bool,
}

/// One cluster at a time: two concurrent clusters invalidate each other's latencies.
pub(crate) fn lock_cluster() -> MutexGuard<'static, ()> {
    static CLUSTER_LOCK: Mutex<()> = Mutex::new(());
    CLUSTER_LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RunningProgram {
    /// Starts a program in its own temporary folder.
    pub(crate) fn start(program: &str, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let child = Command::new(program)
            .args(flags)
            .arg("--json")
            .arg(folder.path().join("report.json"))
            .arg("--html")
            .arg(folder.path().join("page.html"))
            .env("TMPDIR", folder.path())
            .env_remove("RUST_LOG")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it is built");
        Self { child, folder }
    }

    /// Takes its standard error; a second call panics.
    pub(crate) fn errors(&mut self) -> ChildStderr {
        self.child.stderr.take().expect("it is piped")
    }

    /// Waits for its exit and checks that it leaves only the requested files.
    pub(crate) fn wait_for_output(mut self) -> ProgramOutput {
        let status = self.wait();
        let mut errors = String::new();
        self.errors().read_to_string(&mut errors).expect("it is text");
        let children = children_of(self.child.id());
        assert!(children.is_empty(), "{children:?} outlived it: {errors}");
        let remaining = self.remaining_files();
        assert!(remaining.is_empty(), "{remaining:?} were left: {errors}");
        let json = std::fs::read(self.folder.path().join("report.json"));
        ProgramOutput {
            status,
            errors,
            report: json
                .ok()
                .map(|json| serde_json::from_slice(&json).expect("it is JSON")),
            page: self.folder.path().join("page.html").exists(),
        }
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + RUN_TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return status;
            }
            assert!(Instant::now() < deadline, "still running after {RUN_TIMEOUT:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Folders of launchers, logs and sockets, without their shared parent folder.
    fn remaining_files(&self) -> Vec<String> {
        let names = |path: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().display().to_string()).collect()
        };
        let (shared, others): (Vec<_>, Vec<_>) =
            names(self.folder.path()).into_iter().partition(|name| is_shared(name));
        let requested = ["report.json", "page.html"];
        let others = others.into_iter().filter(|name| !requested.contains(&&**name));
        let inside = shared.iter().flat_map(|name| names(&self.folder.path().join(name)));
        others.chain(inside).collect()
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // After a failed assertion: a cluster ends without its launcher.
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn is_shared(name: &str) -> bool {
    name.starts_with("stateless-lab-")
}
