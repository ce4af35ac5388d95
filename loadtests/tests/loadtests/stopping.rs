//! A story that is not told to its end.

use crate::told::{Teller, alone};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::process::Command;

/// Stops a program in the middle of its load with a signal.
fn stop_with(signal: Signal) {
    let _nobody_else = alone();
    let flags = ["--smoke", "--seconds", "600"];
    let mut teller = Teller::start(env!("CARGO_BIN_EXE_session-reads"), &flags);
    let mut errors = BufReader::new(teller.errors());
    let mut line = String::new();
    while !line.contains("the load begins") {
        line.clear();
        let read = errors.read_line(&mut line).expect("it can be read");
        assert!(read > 0, "it ended before it began");
    }
    let pid = Pid::from_raw(teller.child.id().cast_signed());
    kill(pid, signal).expect("it is there");
    teller.child.stderr = Some(errors.into_inner());
    let told = teller.end();
    assert_eq!(told.status.code(), Some(4), "{}", told.errors);
    assert!(told.report.is_none(), "half a story is no report");
}

#[test]
fn ctrl_c_ends_a_story_and_leaves_nothing() {
    stop_with(Signal::SIGINT);
}

#[test]
fn a_request_to_terminate_ends_a_story_and_leaves_nothing() {
    stop_with(Signal::SIGTERM);
}

#[test]
fn a_story_that_cannot_be_told_says_what_to_type() {
    let output = Command::new(env!("CARGO_BIN_EXE_kill-a-replica"))
        .args(["--replicas", "1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("--replicas 2"), "{errors}");
}
