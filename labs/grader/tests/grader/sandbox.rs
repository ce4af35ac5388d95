//! The sandbox kills all processes when the grader exits.

use crate::fixture::sandbox;
use grader::sandbox::ExitReason;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn sandboxed_shell(script: &str) -> Child {
    let mut command = Command::new(sandbox().path);
    command.args(["8", "100000000", "60000", "sh", "-c", script]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn end(mut sandbox: Child) -> Option<ExitReason> {
    // `wait` closes standard input, which the sandbox takes as a request to stop.
    let _held = sandbox.stdin.take();
    ExitReason::of(sandbox.wait().unwrap().code())
}

/// Number of `sleep` processes with this argument. The command lines of the shell and the
/// sandbox contain the same words, so the whole line is compared.
pub(crate) fn sleep_process_count(seconds: &str) -> usize {
    let wanted = format!("sleep\0{seconds}\0");
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.map(|entry| fs::read(entry.path().join("cmdline")));
    lines.filter(|line| line.as_ref().is_ok_and(|line| line == wanted.as_bytes())).count()
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "not reached within 10 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn grader_exit_kills_all_sandboxed_processes() {
    let mut sandbox = sandboxed_shell("setsid sleep 86011 & sleep 86011");
    wait_until("both run", || sleep_process_count("86011") == 2);
    // The kernel closes the pipe when the grader exits for any reason.
    drop(sandbox.stdin.take());
    assert_eq!(end(sandbox), Some(ExitReason::Requested));
    assert_eq!(sleep_process_count("86011"), 0);
}

#[test]
fn kill_command_reaches_a_stopped_program() {
    let mut sandbox = sandboxed_shell("exec sleep 86012");
    wait_until("it runs", || sleep_process_count("86012") == 1);
    let orders = sandbox.stdin.as_mut().unwrap();
    orders.write_all(b"SIGSTOP\nSIGKILL\n").unwrap();
    assert_eq!(end(sandbox), Some(ExitReason::Requested));
    assert_eq!(sleep_process_count("86012"), 0);
}

#[test]
fn sandbox_reports_success_or_failure_of_the_program() {
    assert_eq!(end(sandboxed_shell("exit 0")), Some(ExitReason::Success));
    assert_eq!(
        end(sandboxed_shell("exit 102")),
        Some(ExitReason::Failure),
        "not the code for a requested stop"
    );
    assert_eq!(end(sandboxed_shell("kill -9 $$")), Some(ExitReason::Failure));
}

fn end_of(program: Option<&Path>) -> Option<ExitReason> {
    let mut command = Command::new(sandbox().path);
    command.args(["8", "100000000", "60000"]).args(program);
    let child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn();
    end(child.unwrap())
}

#[test]
fn missing_or_non_executable_program_is_reported_as_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    assert_eq!(end_of(None), Some(ExitReason::NotStarted));
    assert_eq!(
        end_of(Some(&program)),
        Some(ExitReason::NotStarted),
        "the file does not exist"
    );
    fs::write(&program, "no program").unwrap();
    assert_eq!(
        end_of(Some(&program)),
        Some(ExitReason::NotStarted),
        "the file is not executable"
    );
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(
        end_of(Some(&program)),
        Some(ExitReason::NotStarted),
        "the file is not a program"
    );
    fs::write(&program, "#!/bin/sh\nexit 0\n").unwrap();
    assert_eq!(end_of(Some(&program)), Some(ExitReason::Success));
}
