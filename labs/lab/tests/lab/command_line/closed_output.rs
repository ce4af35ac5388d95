//! Closed pipes, full disks and unwritable files. Output errors never lose work: a closed pipe changes
//! nothing but the output, and every other write error is a harness error.

use super::{COMMANDS, Workspace, command_paths};
use crate::judging::BUILD_TIMEOUT;
use crate::run::{COMMAND_TIMEOUT, TestLab, finish_with, until};
use api_conformance::eventually::eventually;
use client::Client;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use upload_domain::passwords::HashCost;

/// Exit code of a fail.
const FAIL: i32 = 1;

/// Exit code of a harness error.
const HARNESS_ERROR: i32 = 3;

/// A pipe without a reader.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// A file on a full disk: every write fails with `ENOSPC`.
fn full_disk() -> Stdio {
    File::options().write(true).open("/dev/full").expect("a Linux system").into()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn assert_no_panic(args: &[&str], output: &Output) {
    let stderr = stderr(output);
    assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
    assert!(output.status.code().is_some_and(|code| code != 101), "{args:?}: {output:?}");
}

#[test]
fn closed_pipe_changes_no_exit_code() {
    let workspace = Workspace::new();
    for args in COMMANDS {
        let expected = workspace.run(args, Stdio::piped());
        assert!(!expected.stdout.is_empty(), "{args:?} prints nothing");
        let closed = workspace.run(args, closed_pipe());
        assert_no_panic(args, &closed);
        assert_eq!(closed.status.code(), expected.status.code(), "{args:?}: {closed:?}");
    }
}

#[test]
fn full_disk_is_a_harness_error_with_a_message() {
    let workspace = Workspace::new();
    for args in COMMANDS {
        let full = workspace.run(args, full_disk());
        assert_no_panic(args, &full);
        assert_eq!(full.status.code(), Some(HARNESS_ERROR), "{args:?}: {full:?}");
        let stderr = stderr(&full);
        assert!(stderr.contains("cannot write the output"), "{args:?}: {stderr}");
    }
}

/// Standard error may be closed as well, as in `2>&1 | head -1`.
#[test]
fn both_outputs_closed_cause_no_panic() {
    let workspace = Workspace::new();
    let refused: [&[&str]; 4] = [
        &["hint", "p9-99", "--in", "WORK"],
        &["status", "--name", "nowhere"],
        &["grade", "p1-01", "--in", "nowhere"],
        &["no-such-command"],
    ];
    for args in COMMANDS.into_iter().chain(refused) {
        let expected = workspace.run(args, Stdio::piped()).status.code();
        let command = workspace.command(args);
        let closed = finish_with(command, closed_pipe(), closed_pipe(), COMMAND_TIMEOUT);
        assert_eq!(closed.status.code(), expected, "{args:?}");
    }
}

#[test]
fn help_of_every_command_survives_a_closed_pipe() {
    let lab = TestLab::new();
    for path in command_paths(&lab) {
        let args: Vec<_> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let closed = finish_with(
            lab.command(&args),
            closed_pipe(),
            Stdio::piped(),
            COMMAND_TIMEOUT,
        );
        assert_no_panic(&args, &closed);
        assert_eq!(closed.status.code(), Some(0), "{args:?}");
    }
}

/// As in `cargo lab list | head -1`.
#[test]
fn reader_that_leaves_after_one_line_causes_no_panic() {
    let workspace = Workspace::new();
    for args in COMMANDS {
        let mut command = workspace.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("lab starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut first = String::new();
        lines.read_line(&mut first).expect("a line");
        drop(lines);
        let output = child.wait_with_output().expect("it ends");
        assert_no_panic(args, &output);
    }
}

#[test]
fn commands_of_a_cluster_survive_closed_pipe_and_full_disk() {
    let lab = TestLab::new();
    lab.ok(&["up", "--detach", "--listen", "127.0.0.1:0", "--replicas", "2"]);
    let commands: [&[&str]; 10] = [
        &["status"],
        &["status", "--json"],
        &["status", "--url"],
        &["logs", "r1"],
        &["pause", "r2"],
        &["resume", "r2"],
        &["drain", "r2"],
        &["restart", "r2"],
        &["kill", "r2"],
        &["add"],
    ];
    let run = |args, stdout| {
        finish_with(lab.command(args), stdout, Stdio::piped(), COMMAND_TIMEOUT)
    };
    for args in commands {
        let closed = run(args, closed_pipe());
        assert_eq!(closed.status.code(), Some(0), "{args:?}: {closed:?}");
    }
    for args in &commands[..4] {
        let full = run(args, full_disk());
        assert_eq!(full.status.code(), Some(HARNESS_ERROR), "{args:?}: {full:?}");
    }
    let down = run(&["down"], full_disk());
    assert_eq!(down.status.code(), Some(HARNESS_ERROR), "{down:?}");
    lab.until_empty();
}

/// A class in which nothing was started: its results are fails without a build, so that the
/// test is short.
fn grade_class(workspace: &Workspace, options: &[&str]) -> (tempfile::TempDir, Command) {
    let class = tempfile::tempdir().expect("a folder");
    for student in ["ann", "ben", "cem"] {
        let work = class.path().join("class").join(student).join("work");
        fs::create_dir_all(work).expect("a folder");
    }
    let args = [&["grade", "p1-01", "--submissions", "class"], options].concat();
    let mut command = workspace.lab.command(&args);
    command.current_dir(class.path()).env_remove("GITHUB_STEP_SUMMARY");
    (class, command)
}

#[test]
fn class_results_are_complete_after_all_readers_leave() {
    let workspace = Workspace::new();
    let options = ["--csv", "table.csv", "--out", "result.json", "--format", "json"];
    for stderr in [true, false] {
        let (class, command) = grade_class(&workspace, &options);
        let stderr = if stderr { closed_pipe() } else { Stdio::null() };
        let output = finish_with(command, closed_pipe(), stderr, BUILD_TIMEOUT);
        assert_eq!(output.status.code(), Some(FAIL), "{output:?}");
        let read = |file: &str| fs::read_to_string(class.path().join(file));
        let table = read("table.csv").expect("the table");
        for student in ["ann", "ben", "cem"] {
            let row = format!("{student},");
            let rows = table.lines().filter(|line| line.starts_with(&row));
            assert_eq!(rows.count(), 1, "{table}");
        }
        let result = read("result.json").expect("the result");
        let result: serde_json::Value = serde_json::from_str(&result).expect("JSON");
        assert_eq!(result["records"].as_array().map(Vec::len), Some(3));
    }
}

#[test]
fn class_result_file_is_complete_on_a_full_disk() {
    let workspace = Workspace::new();
    let options = ["--csv", "table.csv", "--out", "result.json", "--format", "json"];
    let (class, command) = grade_class(&workspace, &options);
    let output = finish_with(command, full_disk(), full_disk(), BUILD_TIMEOUT);
    assert_eq!(output.status.code(), Some(HARNESS_ERROR), "{output:?}");
    let result = fs::read_to_string(class.path().join("result.json")).expect("a result");
    assert!(serde_json::from_str::<serde_json::Value>(&result).is_ok(), "{result}");
}

/// A folder in the place of the file stops root as well.
#[test]
fn unwritable_progress_file_does_not_hide_the_result() {
    let workspace = Workspace::new();
    let progress = workspace.work().join("progress.txt");
    fs::remove_file(&progress).expect("it exists");
    fs::create_dir(progress).expect("a folder");
    let exercise = workspace.work().join("p1-01-life-of-a-session");
    // Without the student's file nothing of the student is built.
    fs::remove_file(exercise.join("src/sessions.rs")).expect("it exists");
    let commands = [("run", "not there: src/sessions.rs", FAIL), ("hint", "Task 1", 0)];
    for (name, result, code) in commands {
        let command = workspace.command(&[name, "p1-01", "--in", "WORK"]);
        let output = finish_with(command, Stdio::piped(), Stdio::piped(), BUILD_TIMEOUT);
        assert_eq!(output.status.code(), Some(code), "{name}: {output:?}");
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(stdout.contains(result), "{name}: {output:?}");
        assert!(stderr(&output).contains("note: cannot write"), "{name}: {output:?}");
    }
}

#[test]
fn unwritable_report_is_refused_before_the_comparison() {
    let lab = TestLab::new();
    for option in ["--html", "--save"] {
        let refused = lab.run(&["compare", option, "/dev/null/report"]);
        assert_eq!(refused.status.code(), Some(HARNESS_ERROR), "{option}: {refused:?}");
        assert!(refused.stdout.is_empty(), "{option}: {refused:?}");
        let stderr = stderr(&refused);
        assert!(stderr.contains("cannot write"), "{option}: {stderr}");
    }
}

/// Not even root can create a file in `/proc`.
#[test]
fn unwritable_result_is_refused_before_the_grading() {
    let workspace = Workspace::new();
    for option in ["--out", "--csv"] {
        let (_class, command) = grade_class(&workspace, &[option, "/proc/result"]);
        let refused =
            finish_with(command, Stdio::piped(), Stdio::piped(), COMMAND_TIMEOUT);
        assert_eq!(refused.status.code(), Some(HARNESS_ERROR), "{option}: {refused:?}");
        assert!(refused.stdout.is_empty(), "{option}: {refused:?}");
        let stderr = stderr(&refused);
        assert!(stderr.contains("cannot write /proc/result"), "{option}: {stderr}");
        assert!(!stderr.contains("at a time"), "{option}: graded before: {stderr}");
    }
}

/// The flags of a server of each phase, with a data folder.
fn server_args(role: &'static str, data: &str) -> Vec<String> {
    let mut args = vec!["serve", role, "--listen", "127.0.0.1:0", "--data-dir", data];
    if role == "upload" {
        args.extend(["--design", "memory"]);
    }
    args.into_iter().map(str::to_owned).collect()
}

const ROLES: [&str; 3] = ["stateful", "stateless", "upload"];

#[test]
fn servers_serve_with_closed_output() {
    let lab = TestLab::new();
    for role in ROLES {
        let folder = tempfile::tempdir().expect("a folder");
        let users = folder.path().join("users.json");
        let account = [("alice", "correct-horse-battery")];
        upload_domain::users_file::write(&users, &account, HashCost::Minimal)
            .expect("written");
        let args = server_args(role, &folder.path().display().to_string());
        let mut command =
            lab.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let log = folder.path().join("log");
        command.stdout(closed_pipe()).stderr(File::create(&log).expect("a file"));
        let mut child = command.spawn().expect("lab starts");
        until("the server is ready", || {
            let text = fs::read_to_string(&log).expect("the log");
            let ended = child.try_wait().expect("a child");
            assert!(ended.is_none(), "{role} ended with {ended:?}: {text}");
            text.contains(" ready")
        });
        crate::run::kill_9(&mut child);
    }
}

/// Every request is logged, and a log that cannot be written must not end the server.
#[tokio::test]
async fn server_answers_with_both_outputs_closed() {
    let lab = TestLab::new();
    for role in ROLES {
        let folder = tempfile::tempdir().expect("a folder");
        let users = folder.path().join("users.json");
        let account = [("alice", "correct-horse-battery")];
        upload_domain::users_file::write(&users, &account, HashCost::Minimal)
            .expect("written");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = port.expect("a free port").to_string();
        let args = server_args(role, &folder.path().display().to_string());
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let args: Vec<_> = args
            .into_iter()
            .map(|arg| if arg == "127.0.0.1:0" { &address } else { arg })
            .collect();
        let mut command = lab.command(&args);
        command.stdout(closed_pipe()).stderr(closed_pipe());
        let mut child = command.spawn().expect("lab starts");
        let client = Client::new(&format!("http://{address}"));
        for request in 0..3 {
            eventually(COMMAND_TIMEOUT, "an answer", async || {
                let ended = child.try_wait()?;
                anyhow::ensure!(ended.is_none(), "{role} ended, request {request}");
                let reply =
                    client.send(client.request(http::Method::GET, "/livez")).await;
                Ok(reply.is_ok().then_some(()))
            })
            .await
            .expect("the server answers");
        }
        crate::run::kill_9(&mut child);
    }
}

/// Demo passwords are shown once. If that fails, their file must not stay, because the
/// next start would not show them either.
#[test]
fn unshown_demo_passwords_leave_no_users_file() {
    let lab = TestLab::new();
    for role in ROLES {
        for stdout in [full_disk(), closed_pipe()] {
            let folder = tempfile::tempdir().expect("a folder");
            let args = server_args(role, &folder.path().display().to_string());
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            let command = lab.command(&args);
            let output = finish_with(command, stdout, Stdio::piped(), COMMAND_TIMEOUT);
            assert_eq!(output.status.code(), Some(2), "{role}: {output:?}");
            let stderr = stderr(&output);
            assert!(stderr.contains("cannot show the passwords"), "{role}: {stderr}");
            assert!(!folder.path().join("users.json").exists(), "{role}");
        }
    }
}
