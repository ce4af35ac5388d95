//! The cage by itself: nothing outlives the grader.

use crate::fixture::cage;
use grader::cage::End;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn caged(script: &str) -> Child {
    let mut command = Command::new(cage().path);
    command.args(["8", "100000000", "60000", "sh", "-c", script]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn end(mut cage: Child) -> Option<End> {
    // Waiting would close it, and that is an order.
    let _held = cage.stdin.take();
    End::of(cage.wait().unwrap().code())
}

/// Processes that sleep for so long. A shell and a cage have the same words on their
/// command lines, so the whole line counts.
pub(crate) fn sleeping(seconds: &str) -> usize {
    let wanted = format!("sleep\0{seconds}\0");
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.map(|entry| fs::read(entry.path().join("cmdline")));
    lines.filter(|line| line.as_ref().is_ok_and(|line| line == wanted.as_bytes())).count()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "not so after 10 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_end_of_the_grader_is_the_end_of_all() {
    let mut cage = caged("setsid sleep 86011 & sleep 86011");
    until("both run", || sleeping("86011") == 2);
    // The kernel closes it when the grader dies, however it dies.
    drop(cage.stdin.take());
    assert_eq!(end(cage), Some(End::Told));
    assert_eq!(sleeping("86011"), 0);
}

#[test]
fn an_order_to_kill_reaches_a_stopped_program() {
    let mut cage = caged("exec sleep 86012");
    until("it runs", || sleeping("86012") == 1);
    let orders = cage.stdin.as_mut().unwrap();
    orders.write_all(b"SIGSTOP\nSIGKILL\n").unwrap();
    assert_eq!(end(cage), Some(End::Told));
    assert_eq!(sleeping("86012"), 0);
}

#[test]
fn how_a_program_ended_by_itself_is_told_apart() {
    assert_eq!(end(caged("exit 0")), Some(End::Well));
    assert_eq!(end(caged("exit 102")), Some(End::Badly), "not the code of an order");
    assert_eq!(end(caged("kill -9 $$")), Some(End::Badly));
}

fn end_of(program: Option<&Path>) -> Option<End> {
    let mut command = Command::new(cage().path);
    command.args(["8", "100000000", "60000"]).args(program);
    let child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn();
    end(child.unwrap())
}

#[test]
fn what_does_not_exist_or_cannot_be_run_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    assert_eq!(end_of(None), Some(End::NotStarted));
    assert_eq!(end_of(Some(&program)), Some(End::NotStarted), "it is not there");
    fs::write(&program, "no program").unwrap();
    assert_eq!(end_of(Some(&program)), Some(End::NotStarted), "it may not be run");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(end_of(Some(&program)), Some(End::NotStarted), "it is no program");
    fs::write(&program, "#!/bin/sh\nexit 0\n").unwrap();
    assert_eq!(end_of(Some(&program)), Some(End::Well));
}
