//! `lab up`, and the commands for a running cluster.

use crate::run::{TestLab, kill_9, only_line, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getsid};
use std::net::TcpListener;
use std::process::{Command, Stdio};

const LAB: &str = env!("CARGO_BIN_EXE_lab");
const UP: [&str; 4] = ["up", "--detach", "--listen", "127.0.0.1:0"];

fn status(lab: &TestLab) -> serde_json::Value {
    crate::json::valid(&lab.ok(&["status", "--json"]))
}

fn launcher(lab: &TestLab) -> Pid {
    let pid = status(lab)["launcher_pid"].as_i64().expect("a process id");
    Pid::from_raw(i32::try_from(pid).expect("a process id"))
}

fn state_of(lab: &TestLab, member: &str) -> String {
    let status = status(lab);
    let members = status["members"].as_array().expect("a list");
    let member = members.iter().find(|one| one["id"] == member).expect("a member");
    member["state"].as_str().expect("a state").to_owned()
}

#[test]
fn commands_change_the_state_of_members() {
    let lab = TestLab::new();
    let printed = lab.ok(&UP);
    assert!(
        printed.contains("Demo accounts") && printed.contains("cargo lab kill r1"),
        "{printed}"
    );
    assert!(lab.ok(&["status", "--url"]).starts_with("http://127.0.0.1:"));
    for (order, state) in [
        ("kill", "down"),
        ("restart", "up"),
        ("pause", "paused"),
        ("resume", "up"),
        ("drain", "up"),
        ("restart", "up"),
    ] {
        lab.ok(&[order, "r2"]);
        assert_eq!(state_of(&lab, "r2"), state, "after {order}");
    }
    lab.ok(&["drain", "r1"]);
    lab.ok(&["drain", "r1", "--undo"]);
    assert!(lab.ok(&["logs", "r1"]).contains("INFO"), "its own log");
    lab.ok(&["add"]);
    assert_eq!(state_of(&lab, "r4"), "up");
    lab.ok(&["kill", "--term", "r4"]);
    assert_eq!(state_of(&lab, "r4"), "down");
    for order in [&["pause", "r4"][..], &["kill", "r4"], &["drain", "r4", "--undo"]] {
        let refused = lab.run(order);
        assert_eq!(refused.status.code(), Some(2), "{order:?}");
        assert!(only_line(&refused).contains("r4 is down: cargo lab restart r4"));
    }
    lab.ok(&["down"]);
    lab.until_empty();
}

#[test]
fn killed_launcher_leaves_no_process_and_no_file() {
    let lab = TestLab::new();
    let up = ["up", "--listen", "127.0.0.1:0", "--replicas", "2"];
    let mut launcher = lab.command(&up).stdout(Stdio::null()).spawn().unwrap();
    until("the cluster is up", || lab.run(&["status"]).status.success());
    // A stopped process cannot exit by itself.
    lab.ok(&["pause", "r1"]);
    kill_9(&mut launcher);
    lab.until_empty();
    let refused = only_line(&lab.run(&["status"]));
    assert!(refused.contains("no cluster named lab is up"), "{refused}");
}

#[test]
fn detached_cluster_has_its_own_session() {
    let lab = TestLab::new();
    lab.ok(&[&UP[..], &["--replicas", "1"]].concat());
    let launcher = launcher(&lab);
    assert_eq!(getsid(Some(launcher)), Ok(launcher), "its own session");
    lab.ok(&["down"]);
    lab.until_empty();
}

/// Every user can read command lines.
#[test]
fn launcher_shows_no_password_on_command_line() {
    let lab = TestLab::new();
    let flags = ["--replicas", "1", "--password", "correct-horse"];
    let no_password = || {
        let line = |pid: i32| format!("/proc/{pid}/cmdline");
        let read = |pid| std::fs::read(line(pid)).unwrap_or_default();
        let lines = lab.processes().into_iter().map(read);
        let lines: Vec<_> =
            lines.map(|line| String::from_utf8_lossy(&line).into_owned()).collect();
        assert!(lines.len() > 2, "{lines:?}");
        assert!(!lines.concat().contains("correct-horse"), "{lines:?}");
    };
    lab.ok(&[&UP[..], &flags].concat());
    no_password();
    lab.ok(&["down"]);
    let up = [&["up", "--listen", "127.0.0.1:0"][..], &flags].concat();
    let mut launcher = lab.command(&up).stdout(Stdio::null()).spawn().unwrap();
    until("the cluster is up", || lab.run(&["status"]).status.success());
    no_password();
    lab.ok(&["down"]);
    assert!(launcher.wait().unwrap().success());
    lab.until_empty();
}

#[test]
fn detached_cluster_stops_without_its_waiting_process() {
    let lab = TestLab::new();
    let mut up = lab.command(&UP).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let waiting = up.as_mut().unwrap();
    until("the other process is up", || lab.processes().len() > 1);
    kill_9(waiting);
    lab.until_empty();
}

#[test]
fn stopped_launcher_is_reported_and_not_treated_as_absent() {
    let lab = TestLab::new();
    lab.ok(&[&UP[..], &["--replicas", "1"]].concat());
    let launcher = launcher(&lab);
    kill(launcher, Signal::SIGSTOP).unwrap();
    for args in [&["status"][..], &["down"], &["up", "--listen", "127.0.0.1:0"]] {
        let refused = lab.run(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        let says = format!("(process {launcher}) does not answer; is it stopped?");
        assert!(only_line(&refused).contains(&says), "{args:?}");
    }
    kill(launcher, Signal::SIGCONT).unwrap();
    lab.ok(&["down"]);
    lab.until_empty();
}

#[test]
fn insecure_remote_exposes_only_the_balancer() {
    let lab = TestLab::new();
    let up = ["up", "--detach", "--listen", "0.0.0.0:0", "--insecure-remote"];
    lab.ok(&[&up[..], &["--replicas", "1"]].concat());
    let status = status(&lab);
    let address = |member: usize| status["members"][member]["address"].as_str().unwrap();
    assert!(address(0).starts_with("0.0.0.0:"), "{status}");
    assert!(address(1).starts_with("127.0.0.1:"), "{status}");
    lab.ok(&["restart", "lb"]);
    lab.ok(&["down"]);
    lab.until_empty();
}

#[test]
fn closed_pipe_is_not_an_error() {
    let lab = TestLab::new();
    lab.ok(&[&UP[..], &["--replicas", "1"]].concat());
    for args in ["status --json", "status", "logs r1", "doctor", "restart r1", "down"] {
        // `true` reads nothing, so the pipe is closed before the first write.
        let line = format!("set -o pipefail; (sleep 0.2; exec '{LAB}' {args}) | true");
        let mut bash = Command::new("bash");
        bash.args(["-c", &line]).env("TMPDIR", lab.path());
        let output = bash.output().unwrap();
        assert!(output.status.success(), "{args}: {output:?}");
        assert!(output.stderr.is_empty(), "{args}: {output:?}");
    }
    lab.until_empty();
}

#[test]
fn two_clusters_need_two_names() {
    let lab = TestLab::new();
    lab.ok(&[&UP[..], &["--replicas", "1"]].concat());
    let refused = lab.run(&["up", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(only_line(&refused).contains("lab down"));
    lab.ok(&[&UP[..], &["--replicas", "1", "--name", "second"]].concat());
    lab.ok(&["down", "--name", "second"]);
    lab.ok(&["status"]);
    lab.ok(&["down"]);
    lab.until_empty();
}

#[test]
fn impossible_command_prints_one_line_and_exits_2() {
    let lab = TestLab::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let corrupt = lab.path().join("users.json");
    std::fs::write(&corrupt, "{").unwrap();
    let corrupt = corrupt.to_str().unwrap();
    for (args, says) in [
        (vec!["up", "--listen", &taken], "another program has this port"),
        (vec!["up", "--listen", "127.0.0.1:0", "--users", corrupt], "is not valid"),
        (vec!["up", "--listen", "127.0.0.1:0", "--users", "/none"], "cannot read"),
        (vec!["up", "--listen", "0.0.0.0:0"], "can be reached from other machines"),
        (vec!["up", "--name", "../x"], "letters, digits"),
        (
            vec!["up", "--listen", "127.0.0.1:0", "--data-dir", "/dev/null/x"],
            "data folder",
        ),
        (vec!["kill", "r1"], "lab up"),
        (vec!["down"], "lab up"),
    ] {
        let refused = lab.run(&args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        let line = only_line(&refused);
        assert!(line.contains(says), "{args:?} printed {line}");
    }
    std::fs::remove_file(corrupt).unwrap();
    lab.until_empty();
}

#[test]
fn doctor_lists_findings_and_changes_nothing() {
    let lab = TestLab::new();
    assert!(lab.ok(&["doctor"]).contains("temporary folder"));
    let doctor = crate::json::valid(&lab.ok(&["doctor", "--json"]));
    assert!(doctor["findings"].as_array().unwrap().len() > 3);
    lab.until_empty();
}
