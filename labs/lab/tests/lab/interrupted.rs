//! A judging command that is interrupted removes its temporary files.

use crate::judging::{BUILD_TIMEOUT, Work, solution};
use crate::run::until_within;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

/// Size in bytes from which a file is a program.
const PROGRAM_BYTES: u64 = 1 << 20;

fn start(work: &Work, args: &[&str]) -> Child {
    let mut command = work.lab.interruptible(args);
    command.current_dir(work.path()).stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("lab starts")
}

fn has_program(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| {
        path.is_dir() && has_program(&path)
            || path.metadata().is_ok_and(|about| about.len() >= PROGRAM_BYTES)
    })
}

/// Starts a command, and sends it a signal while it checks a program.
fn interrupted_by(signal: Signal, args: &[&str], work: &Work) -> Option<i32> {
    let mut child = start(work, args);
    until_within(BUILD_TIMEOUT, "a program is checked", || {
        has_program(work.lab.path()) && work.lab.processes().len() > 1
    });
    let pid = Pid::from_raw(child.id().try_into().expect("a process id"));
    kill(pid, signal).expect("it runs");
    child.wait().expect("it ends").code()
}

#[test]
fn interrupted_command_leaves_no_file_and_no_process() {
    let work = Work::new();
    fs::write(work.copy_original("mine"), solution()).expect("it can be written");
    let grade = ["grade", "p1-01", "--in", "mine"];
    let watch = ["watch", "p1-01", "--in", "mine"];
    let run = ["run", "p1-01", "--in", "mine"];
    for (signal, args) in [
        (Signal::SIGINT, grade.as_slice()),
        (Signal::SIGTERM, &grade),
        (Signal::SIGHUP, &watch),
        (Signal::SIGINT, &watch),
        (Signal::SIGINT, &run),
        (Signal::SIGKILL, &grade),
        (Signal::SIGKILL, &watch),
    ] {
        let code = interrupted_by(signal, args, &work);
        let expected = (signal != Signal::SIGKILL).then_some(128 + signal as i32);
        assert_eq!(code, expected, "{signal} {args:?}");
        work.lab.until_empty();
    }
}

/// `nohup` starts a command with SIGHUP ignored, so that it survives its terminal.
#[test]
fn ignored_signal_ends_no_command() {
    let work = Work::new();
    fs::write(work.copy_original("mine"), solution()).expect("it can be written");
    let lab = work.lab.command(&[]).get_program().to_owned();
    let mut command = std::process::Command::new("sh");
    let args = ["run", "p1-01", "--in", "mine"];
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(lab).args(args);
    command.current_dir(work.path()).env("TMPDIR", work.lab.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("sh starts");
    until_within(BUILD_TIMEOUT, "a program is checked", || has_program(work.lab.path()));
    let pid = Pid::from_raw(child.id().try_into().expect("a process id"));
    kill(pid, Signal::SIGHUP).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "it runs to its end");
}

/// Without the process that removes the files of a killed command, the next command does.
#[test]
fn next_command_removes_the_files_of_a_killed_one() {
    let work = Work::new();
    fs::write(work.copy_original("mine"), solution()).expect("it can be written");
    let mut child = start(&work, &["grade", "p1-01", "--in", "mine"]);
    until_within(BUILD_TIMEOUT, "a program is checked", || has_program(work.lab.path()));
    for pid in work.lab.processes() {
        let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    child.wait().expect("it ends");
    let file = work.path().join("mine/p1-01-life-of-a-session/src/sessions.rs");
    fs::write(file, "this is no program").expect("it can be written");
    let mut next = start(&work, &["run", "p1-01", "--in", "mine"]);
    next.wait().expect("it ends");
    work.lab.until_empty();
}
