//! A terminal of 80 columns and 24 rows: no line of a help text or of a table is longer.

use super::{COMMANDS, Workspace, command_paths};
use crate::run::{COMMAND_TIMEOUT, TestLab, finish};
use std::fmt::Write;
use std::process::Command;

const COLUMNS: usize = 80;

/// Runs commands in one pseudo-terminal of 80 columns and 24 rows. Returns the printed
/// text of each, without colours.
fn in_terminal(lab: &TestLab, commands: &[Vec<String>]) -> Vec<String> {
    let mut script = "stty cols 80 rows 24\n".to_owned();
    for args in commands {
        let args: Vec<_> = args.iter().map(|arg| format!("'{arg}'")).collect();
        let line = format!("\"$LAB_PROGRAM\" {} </dev/null\n", args.join(" "));
        let _infallible = writeln!(script, "{line}echo; echo ===");
    }
    let file = lab.path().join("terminal.sh");
    std::fs::write(&file, script).expect("it can be written");
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command"]);
    command.arg(format!("sh '{}'", file.display())).arg("/dev/null");
    command.env("LAB_PROGRAM", env!("CARGO_BIN_EXE_lab")).env("TERM", "xterm-256color");
    command.env("TMPDIR", lab.path()).env_remove("COLUMNS").env_remove("LINES");
    let output = finish(command, COMMAND_TIMEOUT);
    let text = String::from_utf8(output.stdout).expect("text").replace('\r', "");
    let text = console::strip_ansi_codes(&text).into_owned();
    let mut texts: Vec<_> = text.split("\n===\n").map(str::to_owned).collect();
    assert_eq!(texts.pop().as_deref(), Some(""), "{text}");
    assert_eq!(texts.len(), commands.len(), "{text}");
    texts
}

fn assert_fits(args: &[String], text: &str) {
    assert!(!text.trim().is_empty(), "{args:?} prints nothing");
    for line in text.lines() {
        let width = console::measure_text_width(line);
        assert!(width <= COLUMNS, "{args:?}: {width} columns: {line}");
    }
}

#[test]
fn help_of_every_command_fits_the_terminal() {
    let lab = TestLab::new();
    let with_help = |path: Vec<String>| path.into_iter().chain(["--help".to_owned()]);
    let commands: Vec<Vec<String>> =
        command_paths(&lab).into_iter().map(|path| with_help(path).collect()).collect();
    for (args, text) in commands.iter().zip(in_terminal(&lab, &commands)) {
        assert_fits(args, &text);
    }
}

#[test]
fn tables_and_texts_fit_the_terminal() {
    let workspace = Workspace::new();
    let names = ["list", "hint", "reset", "doctor", "--help"];
    let prints_prose =
        |args: &&&[&str]| names.contains(&args[0]) && !args.contains(&"--json");
    let commands: Vec<_> = COMMANDS
        .iter()
        .filter(prints_prose)
        .map(|args| workspace.with_paths(args))
        .collect();
    for (args, text) in commands.iter().zip(in_terminal(&workspace.lab, &commands)) {
        assert_fits(args, &without_paths(&text));
    }
}

/// A path is a word that no line can break.
fn without_paths(text: &str) -> String {
    let lines =
        text.lines().filter(|line| !line.contains("/tmp") && !line.contains("://"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn status_of_a_cluster_fits_the_terminal() {
    let lab = TestLab::new();
    lab.ok(&["up", "--detach", "--listen", "127.0.0.1:0", "--replicas", "2"]);
    let commands = [vec!["status".to_owned()]];
    let texts = in_terminal(&lab, &commands);
    assert_fits(&commands[0], &without_paths(&texts[0]));
    std::fs::remove_file(lab.path().join("terminal.sh")).expect("it is there");
    lab.ok(&["down"]);
    lab.until_empty();
}
