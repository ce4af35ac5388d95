//! The cage by itself: nothing outlives the grader.

use crate::fixture::cage;
use grader::cage::End;
use std::io::Write;
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

fn alive(word: &str) -> bool {
    let found = Command::new("pgrep").args(["-f", word]).stdout(Stdio::null()).status();
    found.unwrap().success()
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
    until("it runs", || alive("sleep 86011"));
    // The kernel closes it when the grader dies, however it dies.
    drop(cage.stdin.take());
    assert_eq!(end(cage), Some(End::Told));
    assert!(!alive("sleep 86011"));
}

#[test]
fn an_order_to_kill_reaches_a_stopped_program() {
    let mut cage = caged("sleep 86012");
    until("it runs", || alive("sleep 86012"));
    let orders = cage.stdin.as_mut().unwrap();
    orders.write_all(b"SIGSTOP\nSIGKILL\n").unwrap();
    assert_eq!(end(cage), Some(End::Told));
    assert!(!alive("sleep 86012"));
}

#[test]
fn how_a_program_ended_by_itself_is_told_apart() {
    assert_eq!(end(caged("exit 0")), Some(End::Well));
    assert_eq!(end(caged("exit 102")), Some(End::Badly), "not the code of an order");
    assert_eq!(end(caged("kill -9 $$")), Some(End::Badly));
}

#[test]
fn what_does_not_exist_is_not_started() {
    let mut command = Command::new(cage().path);
    let child = command
        .args(["8", "100000000", "60000"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    assert_eq!(end(child.unwrap()), Some(End::NotStarted));
}
