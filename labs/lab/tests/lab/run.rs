//! Runs the program as a user would, each time with a temporary folder of its own.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Time limit of a command.
pub(crate) const COMMAND_TIMEOUT: Duration = Duration::from_secs(90);

/// A temporary folder for one test, with all files of the program.
pub(crate) struct TestLab {
    dir: tempfile::TempDir,
}

impl TestLab {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.args(args).env("TMPDIR", self.path()).stdin(Stdio::null());
        for name in process::SERVICE_URLS {
            command.env_remove(name);
        }
        command
    }

    /// A command that Ctrl-C ends, also if this test ignores the signal, as a job in the
    /// background of a script does.
    pub(crate) fn interruptible(&self, args: &[&str]) -> Command {
        let command = self.command(args);
        let mut restored = Command::new("env");
        restored.args(["--default-signal=HUP", "--default-signal=INT"]);
        restored.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => restored.env(name, value),
                None => restored.env_remove(name),
            };
        }
        restored.stdin(Stdio::null());
        restored
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        finish(self.command(args), COMMAND_TIMEOUT)
    }

    /// Runs a command that must succeed, and returns its output.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The number of files in the folder.
    pub(crate) fn files(&self) -> usize {
        files_below(self.path())
    }

    /// Waits until the folder has no file, and no process uses it.
    pub(crate) fn until_empty(&self) {
        until("nothing is left behind", || {
            self.processes().is_empty() && self.files() == 0
        });
    }

    /// The processes that use the folder.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let mark = format!("TMPDIR={}\0", self.path().display());
        let all = fs::read_dir("/proc").expect("a Linux system").flatten();
        all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid: &i32| {
                let lab = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                lab.windows(mark.len()).any(|window| window == mark.as_bytes())
            })
            .collect()
    }
}

/// A failed test leaves no process behind.
impl Drop for TestLab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for pid in self.processes() {
                let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

/// Kills with SIGKILL, without a chance to clean up.
pub(crate) fn kill_9(child: &mut Child) {
    child.kill().expect("a child");
    child.wait().expect("a child");
}

pub(crate) fn until(what: &str, condition: impl FnMut() -> bool) {
    until_within(COMMAND_TIMEOUT, what, condition);
}

pub(crate) fn until_within(
    time: Duration,
    what: &str,
    mut condition: impl FnMut() -> bool,
) {
    let deadline = Instant::now() + time;
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The only line of the error output of a refused command.
pub(crate) fn only_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).expect("text");
    assert_eq!(text.trim().lines().count(), 1, "more than one line: {text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

/// Runs a command to its end, or to a time limit.
pub(crate) fn finish(command: Command, time: Duration) -> Output {
    finish_with(command, Stdio::piped(), Stdio::piped(), time)
}

/// The same with these outputs. Only piped ones are in the result.
pub(crate) fn finish_with(
    mut command: Command,
    stdout: Stdio,
    stderr: Stdio,
    time: Duration,
) -> Output {
    let child = command.stdout(stdout).stderr(stderr).spawn();
    let mut child = child.expect("lab starts");
    // Reads while it waits, because a full pipe would stop the program.
    let pid = child.id();
    let watch = std::thread::spawn(move || {
        let deadline = Instant::now() + time;
        loop {
            match child.try_wait() {
                Ok(Some(_)) => return child.wait_with_output().expect("it has ended"),
                _ if Instant::now() > deadline => {
                    kill_9(&mut child);
                    return child.wait_with_output().expect("it was killed");
                }
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    });
    watch.join().unwrap_or_else(|_| panic!("{command:?} (process {pid}) was lost"))
}

/// The number of files. The private folder of the program may stay.
fn files_below(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.path() {
            path if path.is_dir() => files_below(&path),
            _ => 1,
        })
        .sum()
}
