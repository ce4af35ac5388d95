//! Ctrl-C at several moments: the command ends, and no process and no file stays. The
//! short form tries two moments, `LAB_LONG=1` many.

use crate::run::{COMMAND_TIMEOUT, TestLab, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Commands that run for seconds or until they are stopped. `grade`, `run` and `watch`
/// are tested with the grader.
const COMMANDS: [&[&str]; 4] = [
    &["up", "--listen", "127.0.0.1:0", "--replicas", "2"],
    &["check-stateless", "--design", "stateful", "--rounds", "1"],
    &["demo", "kill-a-replica", "--yes"],
    &["compare", "--only", "memory,kill-a-replica", "--users", "3"],
];

/// Milliseconds from the start to Ctrl-C.
fn moments() -> Vec<u64> {
    match std::env::var_os("LAB_LONG") {
        Some(_) => vec![0, 5, 20, 50, 100, 200, 400, 800, 1_600, 3_200],
        None => vec![20, 900],
    }
}

/// Sends Ctrl-C as a terminal does: to the process group.
fn interrupted(lab: &TestLab, args: &[&str], after_ms: u64) {
    let mut command: Command = lab.interruptible(args);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("lab starts");
    let group = Pid::from_raw(-i32::try_from(child.id()).expect("a process id"));
    std::thread::sleep(Duration::from_millis(after_ms));
    kill(group, Signal::SIGINT).expect("the command runs");
    let mut status = None;
    until(&format!("{args:?} ends, Ctrl-C after {after_ms} ms"), || {
        status = child.try_wait().expect("a child");
        status.is_some()
    });
    let code = status.and_then(|status| status.code());
    assert_ne!(code, Some(101), "{args:?} panicked after {after_ms} ms");
    until(&format!("{args:?} leaves nothing, Ctrl-C after {after_ms} ms"), || {
        lab.processes().is_empty() && lab.files() == 0
    });
}

#[test]
fn interrupted_command_leaves_no_process_and_no_file() {
    assert!(COMMAND_TIMEOUT > Duration::from_secs(30));
    for args in COMMANDS {
        for after_ms in moments() {
            interrupted(&TestLab::new(), args, after_ms);
        }
    }
}

/// The demo waits for an answer on a terminal, without a cluster.
#[test]
fn interrupted_question_ends_a_demo() {
    let lab = TestLab::new();
    let demo = format!(
        "env --default-signal=INT '{}' demo kill-a-replica",
        env!("CARGO_BIN_EXE_lab")
    );
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &demo, "/dev/null"]);
    command.env("TMPDIR", lab.path()).stderr(Stdio::null());
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("script starts");
    let mut output = child.stdout.take().expect("it is piped");
    let (mut shown, mut chunk) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&shown).contains("How many of the") {
        let length = output.read(&mut chunk).expect("the output");
        assert!(length > 0, "no question: {}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&chunk[..length]);
    }
    let ctrl_c = [3];
    let mut terminal = child.stdin.take().expect("it is piped");
    terminal.write_all(&ctrl_c).expect("it runs");
    until("the demo ends", || child.try_wait().expect("a child").is_some());
    lab.until_empty();
}
