//! A supervisor between the grader and a program that somebody else wrote.
//!
//! It starts the program, passes orders on, and ends it together with everything it
//! started: when told to, when a limit is passed, and when the grader is gone, however it
//! went. On Linux it adopts orphans, so that a program cannot lose it by forking twice.
//! A program that wants to harm can still do so, because it runs as the same user.

mod group;
mod tree;

use anyhow::Context;
use group::Group;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{AccessFlags, Pid, access};
use std::ffi::OsString;
use std::io::BufRead;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tree::Tree;

/// How often the limits are looked at. A program can be beyond them for this long.
const INTERVAL: Duration = Duration::from_millis(50);

/// How long all processes may take to die.
const PATIENCE: Duration = Duration::from_secs(10);

/// The kernel counts threads as well as processes; each process may have this many.
const THREADS: u64 = 32;

/// The highest priority there is.
const FIRST: i32 = -20;

/// The largest file a program may write, in bytes.
const LARGEST_FILE: u64 = 256 << 20;

/// Open files of one process.
const OPEN_FILES: u64 = 4096;

/// How a caged program ended; the exit code of the cage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum End {
    /// By itself, with exit code 0.
    Well = 100,
    /// By itself, with another exit code, or by a signal that was not ours.
    Badly = 101,
    /// Because it was told to.
    Told = 102,
    /// With more processes than it may have.
    Processes = 103,
    /// With more memory than it may have.
    Memory = 104,
    /// It was not done in time.
    Time = 105,
    /// It could not be started.
    NotStarted = 106,
}

impl End {
    /// Reads the exit code of a cage.
    #[must_use]
    pub fn of(code: Option<i32>) -> Option<Self> {
        use End::{Badly, Memory, NotStarted, Processes, Time, Told, Well};
        let all = [Well, Badly, Told, Processes, Memory, Time, NotStarted];
        all.into_iter().find(|end| Some(i32::from(*end as u8)) == code)
    }
}

/// What a caged program may use.
#[derive(Clone, Copy, Debug)]
pub struct Bars {
    /// Processes, its own included.
    pub processes: u64,
    /// Resident memory of all its processes, in bytes.
    pub memory: u64,
    /// Its whole life.
    pub time: Duration,
}

impl Bars {
    /// The arguments of the cage that stand for them.
    pub(crate) fn args(&self) -> [OsString; 3] {
        [
            self.processes.to_string(),
            self.memory.to_string(),
            self.time.as_millis().to_string(),
        ]
        .map(OsString::from)
    }

    fn parse(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut number = || args.next()?.to_str()?.parse().ok();
        let (processes, memory, time) = (number()?, number()?, number()?);
        Some(Self { processes, memory, time: Duration::from_millis(time) })
    }
}

/// Runs `PROCESSES MEMORY MILLISECONDS PROGRAM ARGS…`.
#[must_use]
pub fn main(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(bars) = Bars::parse(args.by_ref()) else {
        eprintln!("error: this is not for people: PROCESSES MEMORY MILLISECONDS PROGRAM");
        return ExitCode::from(End::NotStarted as u8);
    };
    let args: Vec<_> = args.collect();
    let end = run(bars, &args).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        End::NotStarted
    });
    ExitCode::from(end as u8)
}

fn run(bars: Bars, args: &[OsString]) -> anyhow::Result<End> {
    anyhow::ensure!(!args.is_empty(), "no program");
    // Ctrl-C in a terminal goes to the grader alone, and a program cannot stop its cage by
    // signalling its group.
    nix::unistd::setsid()?;
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true)?;
    let group = Group::make(bars);
    let program = start(args, bars, group.as_ref())?;
    come_first();
    let orders = orders();
    let cell = Cell { program, bars, deadline: Instant::now() + bars.time };
    let end = cell.guard(&orders);
    tree::kill_all(program, PATIENCE);
    Ok(end)
}

fn start(args: &[OsString], bars: Bars, group: Option<&Group>) -> anyhow::Result<Pid> {
    can_be_run(Path::new(&args[0]))?;
    let args = group.map_or_else(|| args.to_vec(), |group| group.joining(args));
    let [program, args @ ..] = args.as_slice() else {
        anyhow::bail!("no program");
    };
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    #[cfg(target_os = "linux")]
    {
        // The kernel counts all of this user's, and root's not at all.
        let most = tree::tasks_of_this_user() + bars.processes * THREADS;
        let _fewer_already = setrlimit(Resource::RLIMIT_NPROC, most, most);
    }
    setrlimit(Resource::RLIMIT_FSIZE, LARGEST_FILE, LARGEST_FILE)?;
    let _fewer_already = setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES);
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    // Its end tells the program that the cage is gone. Held to the end of this process.
    std::mem::forget(child.stdin.take());
    Ok(Pid::from_raw(i32::try_from(child.id())?))
}

/// Whether the kernel takes this for a program. What joins a group is a shell, and of a
/// program that it may not run, or a file that is none, a shell says only that it failed,
/// as if that were the program's fault.
fn can_be_run(program: &Path) -> anyhow::Result<()> {
    if program.components().count() < 2 {
        // It is looked for along `PATH`.
        return Ok(());
    }
    let shown = program.display();
    access(program, AccessFlags::X_OK).with_context(|| format!("cannot run {shown}"))?;
    #[cfg(target_os = "linux")]
    {
        use std::io::Read;
        let mut magic = [0; 4];
        let mut file = std::fs::File::open(program)?;
        let read =
            file.read(&mut magic).with_context(|| format!("cannot read {shown}"))?;
        let known = magic[..read].starts_with(b"\x7fELF") || magic.starts_with(b"#!");
        anyhow::ensure!(known, "{shown} is no program");
    }
    Ok(())
}

/// Root is not held by the kernel's limit of processes for a user: then only being quicker
/// than what is watched helps. For anybody else this is refused, and not needed.
fn come_first() {
    let _refused = rustix::process::setpriority_process(None, FIRST);
}

/// What the grader writes, line by line. The channel ends when the grader does.
fn orders() -> Receiver<Signal> {
    let (sender, orders) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if let Ok(signal) = line.trim().parse() {
                let _nobody_waits = sender.send(signal);
            }
        }
    });
    orders
}

struct Cell {
    program: Pid,
    bars: Bars,
    deadline: Instant,
}

impl Cell {
    /// Returns when the program has ended or must.
    fn guard(&self, orders: &Receiver<Signal>) -> End {
        let mut told = false;
        loop {
            match orders.recv_timeout(INTERVAL) {
                Ok(Signal::SIGKILL) | Err(RecvTimeoutError::Disconnected) => {
                    return End::Told;
                }
                Ok(signal) => {
                    told |= signal == Signal::SIGTERM;
                    let _gone = nix::sys::signal::kill(self.program, signal);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(well) = self.reap() {
                return match (told, well) {
                    (true, _) => End::Told,
                    (false, true) => End::Well,
                    (false, false) => End::Badly,
                };
            }
            if let Some(end) = self.passed() {
                return end;
            }
        }
    }

    /// Takes leave of what has ended; says how, once the program itself has.
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

    fn passed(&self) -> Option<End> {
        let tree = Tree::below_us();
        if tree.processes() > self.bars.processes {
            Some(End::Processes)
        } else if tree.memory() > self.bars.memory {
            Some(End::Memory)
        } else if Instant::now() >= self.deadline {
            Some(End::Time)
        } else {
            None
        }
    }
}
