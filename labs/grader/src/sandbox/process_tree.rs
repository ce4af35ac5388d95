//! All descendants of this process, read from `/proc`. Without `/proc` (macOS), only the
//! process groups of children are known, and a program can leave its group.

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// A snapshot of the descendants.
pub(super) struct ProcessTree(Vec<Process>);

struct Process {
    pid: i32,
    parent: i32,
    threads: u64,
    resident: u64,
    /// Processor time in ticks, with that of children that have ended.
    ticks: u64,
}

impl ProcessTree {
    /// The children of this process and all their descendants.
    pub(super) fn descendants() -> Self {
        Self::below(Pid::this().as_raw())
    }

    /// The descendants of this process; of a larger tree, one more than `limit` of them. A
    /// fork bomb can grow faster than all processes of the machine can be read, so this
    /// reads only the tree. It may miss a process that has just lost its parent.
    pub(super) fn of_at_most(limit: u64) -> Self {
        if !Path::new("/proc/thread-self/children").exists() {
            return Self::descendants();
        }
        let (mut below, mut parents) = (Vec::new(), vec![Pid::this().as_raw()]);
        while let Some(parent) = parents.pop() {
            for child in children(parent).into_iter().filter_map(process) {
                parents.push(child.pid);
                below.push(child);
                if below.len() as u64 > limit {
                    return Self(below);
                }
            }
        }
        Self(below)
    }

    fn below(top: i32) -> Self {
        let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
        for process in all() {
            children.entry(process.parent).or_default().push(process);
        }
        let (mut below, mut parents) = (Vec::new(), vec![top]);
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

    /// Number of threads of all processes.
    pub(super) fn threads(&self) -> u64 {
        self.0.iter().map(|process| process.threads).sum()
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

/// The children of a process, as the kernel lists them for each of its threads.
fn children(parent: i32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten();
    let mut children = Vec::new();
    for thread in threads.flatten() {
        let list = fs::read_to_string(thread.path().join("children"));
        let list = list.unwrap_or_default();
        let pids = list.split_whitespace();
        children.extend(pids.filter_map(|pid| pid.parse::<i32>().ok()));
    }
    children
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
    let rest: Vec<u64> = rest.map(|word| word.parse().unwrap_or_default()).collect();
    // Fields 14 to 17 of proc(5): utime, stime, cutime, cstime. Field 20: num_threads.
    // Field 24: rss.
    let ticks = rest.get(9..13)?.iter().sum();
    let threads = *rest.get(15)?;
    let resident = rest.get(19)? * page_size();
    (state != "Z").then_some(Process { pid, parent, threads, resident, ticks })
}

/// Processor time of all descendants of a process; `None` if it has none, or without
/// `/proc`.
pub(crate) fn cpu_time_below(pid: u32) -> Option<Duration> {
    let tree = ProcessTree::below(pid.try_into().ok()?);
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok()??;
    let per_second = u64::try_from(per_second).ok().filter(|ticks| *ticks > 0)?;
    let ticks: u64 = tree.0.iter().map(|process| process.ticks).sum();
    (!tree.0.is_empty()).then(|| Duration::from_millis(ticks * 1000 / per_second))
}

fn page_size() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| size.try_into().ok()).unwrap_or(4096)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::Command;
    use std::sync::mpsc;

    /// Otherwise a fork bomb grows while it is counted.
    #[test]
    fn process_tree_is_read_only_up_to_its_limit() {
        let start = |_| Command::new("sleep").arg("60").spawn().unwrap();
        let mut started: Vec<_> = (0..4).map(start).collect();
        let (all, part) = (ProcessTree::of_at_most(1000), ProcessTree::of_at_most(2));
        let pids: Vec<_> = started.iter().map(|child| child.id().cast_signed()).collect();
        for child in &mut started {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let counts = |pid: &i32| all.0.iter().any(|process| process.pid == *pid);
        assert!(pids.iter().all(counts), "{pids:?}");
        assert!(all.threads() >= 4 && all.memory() > 0);
        assert_eq!(part.processes(), 3);
    }

    #[test]
    fn threads_of_a_process_are_counted() {
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || stopped.recv().is_err());
        let process = process(Pid::this().as_raw()).unwrap();
        drop(stop);
        assert!(thread.join().unwrap());
        assert!(process.threads >= 2);
    }
}
