//! Runs that end early.

use crate::running_program::{RunningProgram, lock_cluster};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::process::Command;

/// Stops a program during its load with a signal.
fn stop_with(signal: Signal) {
    let _cluster_lock = lock_cluster();
    let flags = ["--smoke", "--seconds", "600"];
    let mut program = RunningProgram::start(env!("CARGO_BIN_EXE_session-reads"), &flags);
    let mut errors = BufReader::new(program.errors());
    let mut line = String::new();
    while !line.contains("the load begins") {
        line.clear();
        let read = errors.read_line(&mut line).expect("standard error is readable");
        assert!(read > 0, "it ended before the load");
    }
    let pid = Pid::from_raw(program.child.id().cast_signed());
    kill(pid, signal).expect("it is there");
    program.child.stderr = Some(errors.into_inner());
    let output = program.wait_for_output();
    assert_eq!(output.status.code(), Some(4), "{}", output.errors);
    assert!(output.report.is_none(), "an incomplete run writes no report");
}

#[test]
fn ctrl_c_stops_a_run_without_leftovers() {
    stop_with(Signal::SIGINT);
}

#[test]
fn sigterm_stops_a_run_without_leftovers() {
    stop_with(Signal::SIGTERM);
}

#[test]
fn unrunnable_scenario_suggests_a_command_line() {
    let output = Command::new(env!("CARGO_BIN_EXE_kill-a-replica"))
        .args(["--replicas", "1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("--replicas 2"), "{errors}");
}
