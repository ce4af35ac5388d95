//! All processes below this one, by way of `/proc`. Where there is none (macOS) only the
//! groups of children are known, which a program can leave.

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

/// The processes at one moment.
pub(super) struct Tree(Vec<Process>);

struct Process {
    pid: i32,
    parent: i32,
    resident: u64,
}

impl Tree {
    /// Everything that this process started, and what that started.
    pub(super) fn below_us() -> Self {
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

    /// Bytes of resident memory; shared pages count for each who shares them.
    pub(super) fn memory(&self) -> u64 {
        self.0.iter().map(|process| process.resident).sum()
    }

    fn signal(&self, signal: Signal) {
        for process in &self.0 {
            let _gone = kill(Pid::from_raw(process.pid), signal);
        }
    }
}

/// Kills everything below this process. Returns when nothing is left, or when patience
/// ends.
///
/// First the group that the program leads, which the kernel does at once: nobody in it can
/// start another meanwhile. Whoever left the group is stopped before it is killed.
pub(super) fn kill_all(program: Pid, patience: Duration) {
    let deadline = Instant::now() + patience;
    let _gone = killpg(program, Signal::SIGKILL);
    while Instant::now() < deadline {
        let tree = Tree::below_us();
        tree.signal(Signal::SIGSTOP);
        Tree::below_us().signal(Signal::SIGKILL);
        tree.signal(Signal::SIGKILL);
        if nothing_left() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Takes leave of the dead; whether nobody else is there.
fn nothing_left() -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return false,
            Ok(_) => {}
            // No children: they are all dead and taken leave of.
            Err(_) => return true,
        }
    }
}

/// Threads of all processes of this user.
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

/// One process, unless it has ended: a dead one that nobody took leave of uses nothing.
fn process(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, parentheses too.
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
