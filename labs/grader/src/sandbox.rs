//! A supervisor process between the grader and an untrusted program.
//!
//! It starts the program, forwards commands, and kills it with all its descendants on
//! request, when a limit is exceeded, and when the grader exits for any reason. On Linux
//! it adopts orphan processes, so a program cannot escape by forking twice. It runs as
//! the same user, so a malicious program can still do harm.

mod cgroup;
mod process_tree;
mod restrictions;

pub(crate) use process_tree::cpu_time_below;
pub use restrictions::Restrictions;
pub(crate) use restrictions::THREADS_PER_PROCESS;

use anyhow::Context;
use cgroup::Cgroup;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{AccessFlags, Pid, access};
use outcome::output::remark;
use process_tree::ProcessTree;
use std::ffi::OsString;
use std::io::BufRead;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Interval between two checks of the limits. A program can exceed a limit for this long.
const LIMIT_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Maximum time for all processes to exit after SIGKILL.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// Threads that other programs of this user may start while the sandbox runs: the kernel
/// counts them together with the sandboxed ones, and would refuse the program its own. It is
/// no larger, because a fork bomb of this size takes processor time from the sandbox until
/// the next check has found it.
#[cfg(target_os = "linux")]
const OTHER_THREADS: u64 = 8192;

/// The highest scheduling priority.
const HIGHEST_PRIORITY: i32 = -20;

/// Maximum size of a file that a program writes, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Maximum number of open files of one process.
const MAX_OPEN_FILES: u64 = 4096;

/// How a sandboxed program ended; the exit code of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitReason {
    /// It exited with code 0.
    Success = 100,
    /// It exited with another code, or was ended by a signal that the sandbox did not
    /// send.
    Failure = 101,
    /// It was stopped on request.
    Requested = 102,
    /// It exceeded the limit of processes, or of threads in all of them.
    ProcessLimit = 103,
    /// It exceeded the memory limit.
    MemoryLimit = 104,
    /// It exceeded the time limit.
    TimeLimit = 105,
    /// It could not be started.
    NotStarted = 106,
}

impl ExitReason {
    /// Converts the exit code of a sandbox.
    #[must_use]
    pub fn of(code: Option<i32>) -> Option<Self> {
        use ExitReason::{
            Failure, MemoryLimit, NotStarted, ProcessLimit, Requested, Success, TimeLimit,
        };
        let all = [
            Success,
            Failure,
            Requested,
            ProcessLimit,
            MemoryLimit,
            TimeLimit,
            NotStarted,
        ];
        all.into_iter().find(|end| Some(i32::from(*end as u8)) == code)
    }
}

/// Runs `PROCESSES MEMORY MILLISECONDS PROGRAM ARGS…`.
#[must_use]
pub fn main(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(restrictions) = Restrictions::parse(args.by_ref()) else {
        remark("usage (started by the grader): PROCESSES MEMORY MILLISECONDS PROGRAM");
        return ExitCode::from(ExitReason::NotStarted as u8);
    };
    let args: Vec<_> = args.collect();
    let end = run(restrictions, &args).unwrap_or_else(|error| {
        remark(format_args!("error: {error:#}"));
        ExitReason::NotStarted
    });
    ExitCode::from(end as u8)
}

fn run(restrictions: Restrictions, args: &[OsString]) -> anyhow::Result<ExitReason> {
    anyhow::ensure!(!args.is_empty(), "no program");
    // With a session of its own, Ctrl-C in a terminal reaches the grader only, and a
    // program cannot stop its sandbox by signalling its process group.
    nix::unistd::setsid()?;
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true)?;
    let group = Cgroup::create(restrictions);
    let program = start(args, restrictions, group.as_ref())?;
    raise_priority();
    let commands = commands();
    let supervisor = Supervisor {
        program,
        restrictions,
        deadline: Instant::now() + restrictions.time,
    };
    let end = supervisor.supervise(&commands);
    process_tree::kill_all(program, KILL_TIMEOUT);
    Ok(end)
}

fn start(
    args: &[OsString],
    restrictions: Restrictions,
    group: Option<&Cgroup>,
) -> anyhow::Result<Pid> {
    check_executable(Path::new(&args[0]))?;
    let args = group.map_or_else(|| args.to_vec(), |group| group.command_in_group(args));
    let [program, args @ ..] = args.as_slice() else {
        anyhow::bail!("no program");
    };
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    #[cfg(target_os = "linux")]
    {
        // The kernel counts all processes of this user. It does not limit root.
        let most = process_tree::tasks_of_this_user()
            .saturating_add(restrictions.threads())
            .saturating_add(OTHER_THREADS);
        let _fewer_already = setrlimit(Resource::RLIMIT_NPROC, most, most);
    }
    let (_soft, hard) = getrlimit(Resource::RLIMIT_FSIZE)?;
    let most = MAX_FILE_BYTES.min(hard);
    setrlimit(Resource::RLIMIT_FSIZE, most, most)?;
    let _fewer_already =
        setrlimit(Resource::RLIMIT_NOFILE, MAX_OPEN_FILES, MAX_OPEN_FILES);
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    // The pipe closes when the sandbox exits, which the program can detect. It stays open
    // until this process exits.
    std::mem::forget(child.stdin.take());
    Ok(Pid::from_raw(i32::try_from(child.id())?))
}

/// Fails if the kernel cannot execute this program. A program that joins a control group
/// is started through a shell, and the shell would report such a file like a failure of
/// the program.
fn check_executable(program: &Path) -> anyhow::Result<()> {
    if program.components().count() < 2 {
        // It is searched in `PATH`.
        return Ok(());
    }
    let shown = program.display();
    access(program, AccessFlags::X_OK).with_context(|| format!("cannot run {shown}"))?;
    #[cfg(target_os = "linux")]
    {
        use std::io::Read;
        let mut magic = [0; 4];
        let mut file = crate::untrusted_file::open(program)
            .with_context(|| format!("cannot open {shown}"))?;
        let read =
            file.read(&mut magic).with_context(|| format!("cannot read {shown}"))?;
        let known = magic[..read].starts_with(b"\x7fELF") || magic.starts_with(b"#!");
        anyhow::ensure!(known, "{shown} is not a program");
    }
    Ok(())
}

/// Raises the scheduling priority. Root is not subject to the kernel's process limit, so
/// the supervisor has to run before the program it limits. For other users the call is
/// refused and not needed.
fn raise_priority() {
    let _refused = rustix::process::setpriority_process(None, HIGHEST_PRIORITY);
}

/// The grader's commands, one signal name a line. The channel closes when the grader
/// exits.
fn commands() -> Receiver<Signal> {
    let (sender, commands) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if let Ok(signal) = line.trim().parse() {
                let _receiver_gone = sender.send(signal);
            }
        }
    });
    commands
}

struct Supervisor {
    program: Pid,
    restrictions: Restrictions,
    deadline: Instant,
}

impl Supervisor {
    /// Returns when the program has exited or must be killed.
    fn supervise(&self, commands: &Receiver<Signal>) -> ExitReason {
        let mut stop_requested = false;
        loop {
            match commands.recv_timeout(LIMIT_CHECK_INTERVAL) {
                Ok(Signal::SIGKILL) | Err(RecvTimeoutError::Disconnected) => {
                    return ExitReason::Requested;
                }
                Ok(signal) => {
                    stop_requested |= signal == Signal::SIGTERM;
                    let _gone = nix::sys::signal::kill(self.program, signal);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(success) = self.reap() {
                return match (stop_requested, success) {
                    (true, _) => ExitReason::Requested,
                    (false, true) => ExitReason::Success,
                    (false, false) => ExitReason::Failure,
                };
            }
            if let Some(end) = self.exceeded_limit() {
                return end;
            }
        }
    }

    /// Reaps exited processes. Returns whether the program itself exited with success,
    /// once it has exited.
    fn reap(&self) -> Option<bool> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.program => {
                    return Some(code == 0);
                }
                Ok(WaitStatus::Signaled(pid, ..)) if pid == self.program => {
                    return Some(false);
                }
                Ok(WaitStatus::StillAlive) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    fn exceeded_limit(&self) -> Option<ExitReason> {
        let Restrictions { processes, memory, .. } = self.restrictions;
        let tree = ProcessTree::of_at_most(processes);
        let threads = self.restrictions.threads();
        if tree.processes() > processes || tree.threads() > threads {
            Some(ExitReason::ProcessLimit)
        } else if tree.memory() > memory {
            Some(ExitReason::MemoryLimit)
        } else if Instant::now() >= self.deadline {
            Some(ExitReason::TimeLimit)
        } else {
            None
        }
    }
}
