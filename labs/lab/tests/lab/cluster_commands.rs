//! `lab up` and the orders that follow it.

use crate::run::{World, kill_9, only_line, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getsid};
use std::net::TcpListener;
use std::process::{Command, Stdio};

const LAB: &str = env!("CARGO_BIN_EXE_lab");
const UP: [&str; 4] = ["up", "--detach", "--listen", "127.0.0.1:0"];

fn status(world: &World) -> serde_json::Value {
    serde_json::from_str(&world.ok(&["status", "--json"])).expect("JSON")
}

fn launcher(world: &World) -> Pid {
    let pid = status(world)["launcher_pid"].as_i64().expect("a process id");
    Pid::from_raw(i32::try_from(pid).expect("a process id"))
}

fn state_of(world: &World, member: &str) -> String {
    let status = status(world);
    let members = status["members"].as_array().expect("a list");
    let member = members.iter().find(|one| one["id"] == member).expect("it is there");
    member["state"].as_str().expect("a word").to_owned()
}

#[test]
fn a_cluster_is_started_looked_at_broken_mended_and_stopped() {
    let world = World::new();
    let said = world.ok(&UP);
    assert!(
        said.contains("Demo accounts") && said.contains("cargo lab kill r1"),
        "{said}"
    );
    assert!(world.ok(&["status", "--url"]).starts_with("http://127.0.0.1:"));
    for (order, state) in [
        ("kill", "down"),
        ("restart", "up"),
        ("pause", "paused"),
        ("resume", "up"),
        ("drain", "up"),
        ("restart", "up"),
    ] {
        world.ok(&[order, "r2"]);
        assert_eq!(state_of(&world, "r2"), state, "after {order}");
    }
    world.ok(&["drain", "r1"]);
    world.ok(&["drain", "r1", "--undo"]);
    assert!(world.ok(&["logs", "r1"]).contains("INFO"), "a log of its own");
    world.ok(&["add"]);
    assert_eq!(state_of(&world, "r4"), "up");
    world.ok(&["kill", "--term", "r4"]);
    assert_eq!(state_of(&world, "r4"), "down");
    for order in [&["pause", "r4"][..], &["kill", "r4"], &["drain", "r4", "--undo"]] {
        let refused = world.lab(order);
        assert_eq!(refused.status.code(), Some(2), "{order:?}");
        assert!(only_line(&refused).contains("r4 is down: cargo lab restart r4"));
    }
    world.ok(&["down"]);
    world.until_empty();
}

#[test]
fn a_launcher_killed_with_sigkill_leaves_no_process_and_no_file() {
    let world = World::new();
    let up = ["up", "--listen", "127.0.0.1:0", "--replicas", "2"];
    let mut launcher = world.command(&up).stdout(Stdio::null()).spawn().unwrap();
    until("the cluster is up", || world.lab(&["status"]).status.success());
    // A stopped process cannot do anything about its end by itself.
    world.ok(&["pause", "r1"]);
    kill_9(&mut launcher);
    world.until_empty();
    let refused = only_line(&world.lab(&["status"]));
    assert!(refused.contains("no cluster named lab is up"), "{refused}");
}

#[test]
fn a_detached_cluster_belongs_to_no_terminal() {
    let world = World::new();
    world.ok(&[&UP[..], &["--replicas", "1"]].concat());
    let launcher = launcher(&world);
    assert_eq!(getsid(Some(launcher)), Ok(launcher), "a session of its own");
    world.ok(&["down"]);
    world.until_empty();
}

#[test]
fn a_detached_cluster_that_nobody_waits_for_any_more_goes_down() {
    let world = World::new();
    let mut up = world.command(&UP).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let waiting = up.as_mut().unwrap();
    until("the other process is there", || world.processes().len() > 1);
    kill_9(waiting);
    world.until_empty();
}

#[test]
fn a_launcher_that_was_stopped_is_named_and_not_taken_for_absent() {
    let world = World::new();
    world.ok(&[&UP[..], &["--replicas", "1"]].concat());
    let launcher = launcher(&world);
    kill(launcher, Signal::SIGSTOP).unwrap();
    for args in [&["status"][..], &["down"], &["up", "--listen", "127.0.0.1:0"]] {
        let refused = world.lab(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        let says = format!("(process {launcher}) does not answer; is it stopped?");
        assert!(only_line(&refused).contains(&says), "{args:?}");
    }
    kill(launcher, Signal::SIGCONT).unwrap();
    world.ok(&["down"]);
    world.until_empty();
}

#[test]
fn beyond_this_machine_goes_the_balancer_alone_and_only_when_asked() {
    let world = World::new();
    let up = ["up", "--detach", "--listen", "0.0.0.0:0", "--insecure-remote"];
    world.ok(&[&up[..], &["--replicas", "1"]].concat());
    let status = status(&world);
    let address = |member: usize| status["members"][member]["address"].as_str().unwrap();
    assert!(address(0).starts_with("0.0.0.0:"), "{status}");
    assert!(address(1).starts_with("127.0.0.1:"), "{status}");
    world.ok(&["restart", "lb"]);
    world.ok(&["down"]);
    world.until_empty();
}

#[test]
fn a_reader_that_has_read_enough_is_no_fault() {
    let world = World::new();
    world.ok(&[&UP[..], &["--replicas", "1"]].concat());
    for args in ["status --json", "status", "logs r1", "doctor", "restart r1", "down"] {
        // `true` reads nothing; the pipe is closed before anything is written.
        let line = format!("set -o pipefail; (sleep 0.2; exec '{LAB}' {args}) | true");
        let mut bash = Command::new("bash");
        bash.args(["-c", &line]).env("TMPDIR", world.path());
        let output = bash.output().unwrap();
        assert!(output.status.success(), "{args}: {output:?}");
        assert!(output.stderr.is_empty(), "{args}: {output:?}");
    }
    world.until_empty();
}

#[test]
fn two_clusters_live_side_by_side_under_two_names_but_not_under_one() {
    let world = World::new();
    world.ok(&[&UP[..], &["--replicas", "1"]].concat());
    let refused = world.lab(&["up", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(only_line(&refused).contains("lab down"));
    world.ok(&[&UP[..], &["--replicas", "1", "--name", "second"]].concat());
    world.ok(&["down", "--name", "second"]);
    world.ok(&["status"]);
    world.ok(&["down"]);
    world.until_empty();
}

#[test]
fn what_cannot_be_done_is_one_line_and_exit_code_2() {
    let world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let corrupt = world.path().join("users.json");
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
        let refused = world.lab(&args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        let line = only_line(&refused);
        assert!(line.contains(says), "{args:?} said {line}");
    }
    std::fs::remove_file(corrupt).unwrap();
    world.until_empty();
}

#[test]
fn the_doctor_says_what_is_there_and_changes_nothing() {
    let world = World::new();
    assert!(world.ok(&["doctor"]).contains("temporary folder"));
    let findings = world.ok(&["doctor", "--json"]);
    let findings: serde_json::Value = serde_json::from_str(&findings).unwrap();
    assert!(findings.as_array().unwrap().len() > 3);
    world.until_empty();
}
