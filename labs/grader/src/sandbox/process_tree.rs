//! All descendants of this process, read from `/proc`. Without `/proc` (macOS), only the
//! process groups of children are known, and a program can leave its group.

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

/// A snapshot of the descendants.
pub(super) struct ProcessTree(Vec<Process>);

struct Process {
    pid: i32,
    parent: i32,
    resident: u64,
}

impl ProcessTree {
    /// The children of this process and all their descendants.
    pub(super) fn descendants() -> Self {
        let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
        for process in all() {
            children.entry(process.parent).or_default().push(process);
        }
        let (mut below, mut parents) = (Vec::new(), vec![Pid::this().as_raw()]);
        while let Some(parent) = parents.pop() {
            let mut found = children.remove(&parent).unwrap_or_default();
            parents.extend(found.iter().map(|process| process.pid));
            below.append(&mut found);
        }
        Self(below)
    }

    pub(super) fn processes(&self) -> u64 {
        self.0.len() as u64
    }

    /// Resident memory in bytes. A shared page counts once per process.
    pub(super) fn memory(&self) -> u64 {
        self.0.iter().map(|process| process.resident).sum()
    }

    fn signal(&self, signal: Signal) {
        for process in &self.0 {
            let _gone = kill(Pid::from_raw(process.pid), signal);
        }
    }
}

/// Kills all descendants of this process. Returns when all have been reaped, or after
/// `timeout`.
///
/// First it kills the program's process group. The kernel does that at once, so no member
/// can fork meanwhile. Processes that left the group are stopped before they are killed.
pub(super) fn kill_all(program: Pid, timeout: Duration) {
    let deadline = Instant::now() + timeout;
    let _gone = killpg(program, Signal::SIGKILL);
    while Instant::now() < deadline {
        let tree = ProcessTree::descendants();
        tree.signal(Signal::SIGSTOP);
        ProcessTree::descendants().signal(Signal::SIGKILL);
        tree.signal(Signal::SIGKILL);
        if all_reaped() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Reaps exited children. Returns whether none is left.
fn all_reaped() -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return false,
            Ok(_) => {}
            // No children: all have exited and been reaped.
            Err(_) => return true,
        }
    }
}

/// Number of threads of all processes of this user.
#[cfg(target_os = "linux")]
pub(super) fn tasks_of_this_user() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let us = nix::unistd::getuid().as_raw();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ours =
        entries.filter(|entry| entry.metadata().is_ok_and(|about| about.uid() == us));
    let threads = |entry: fs::DirEntry| {
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("Threads:"))?;
        line.trim().parse::<u64>().ok()
    };
    ours.filter_map(threads).sum()
}

fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| process(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// One process, unless it is a zombie, which uses no resources.
fn process(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may contain any character, including parentheses.
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
    let state = rest.next()?;
    let parent = rest.next()?.parse().ok()?;
    let pages: u64 = rest.nth(19)?.parse().ok()?;
    (state != "Z").then_some(Process { pid, parent, resident: pages * page_size() })
}

fn page_size() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| size.try_into().ok()).unwrap_or(4096)
}
