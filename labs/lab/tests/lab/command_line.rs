//! The command line as a terminal, a pipe and a script use it: closed pipes, full disks,
//! terminals of 80 columns and Ctrl-C, for every command.

mod accounts;
mod closed_output;
mod interrupt;
mod not_text;
mod sources;
mod terminal;

use crate::markdown::top;
use crate::run::{COMMAND_TIMEOUT, TestLab, finish_with};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The commands that end within seconds and need no cluster, with arguments that make
/// each print. `WORK` stands for a folder of exercises, `TOP` for the checkout, `NEW` for
/// a path that does not exist.
const COMMANDS: [&[&str]; 15] = [
    &["list", "--in", "WORK"],
    &["list", "--json", "--in", "WORK"],
    &["hint", "p1-01", "--in", "WORK"],
    &["reset", "p1-01", "--yes", "--in", "WORK"],
    &["solution", "p1-01", "--in", "WORK"],
    &["doctor"],
    &["doctor", "--json"],
    &["migrate", "--show-url", "--database-url", "sqlite://NEW?mode=rwc"],
    &["dev", "layout", "TOP"],
    &["dev", "words", "--draw", "3", "--seed", "1", "--tree", "TOP"],
    &["dev", "words", "--only", "test-names", "--tree", "TOP"],
    &["dev", "class", "p1-01", "--count", "1", "--to", "NEW"],
    &["dev", "wrong-answer", "export", "p1-01", "--to", "NEW"],
    &["--help"],
    &["--version"],
];

/// A folder of exercises with one solved exercise.
struct Workspace {
    lab: TestLab,
    folder: tempfile::TempDir,
}

impl Workspace {
    fn new() -> Self {
        let workspace =
            Self { lab: TestLab::new(), folder: tempfile::tempdir().expect("a folder") };
        let work = workspace.work();
        workspace.lab.ok(&["hint", "p1-01", "--in", &work.display().to_string()]);
        let solved = "p1-01-life-of-a-session solved 15 0\n";
        fs::write(work.join("progress.txt"), solved).expect("it can be written");
        workspace
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The arguments with paths instead of `WORK`, `TOP` and `NEW`.
    fn with_paths(&self, args: &[&str]) -> Vec<String> {
        let new = self.folder.path().join(format!("new-{}", rand::random::<u32>()));
        let paths = [("WORK", self.work()), ("TOP", top()), ("NEW", new)];
        let place = |arg: &&str| {
            let arg = (*arg).to_owned();
            paths.iter().fold(arg, |arg, (name, path)| {
                arg.replace(name, &path.display().to_string())
            })
        };
        args.iter().map(place).collect()
    }

    fn command(&self, args: &[&str]) -> Command {
        let args = self.with_paths(args);
        self.lab.command(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Runs a command with this standard output.
    fn run(&self, args: &[&str], stdout: Stdio) -> Output {
        finish_with(self.command(args), stdout, Stdio::piped(), COMMAND_TIMEOUT)
    }
}

/// The names of the visible commands below `path`, as the help lists them.
fn subcommands(lab: &TestLab, path: &[&str]) -> Vec<String> {
    let help = lab.ok(&[path, &["--help"]].concat());
    let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
    let names = lines.filter_map(|line| {
        let (name, about) = line.split_once(' ')?;
        let is_name = name.starts_with(|first: char| first.is_ascii_lowercase());
        (is_name && about.starts_with(' ') && name != "help").then(|| name.to_owned())
    });
    names.collect()
}

/// Every visible command line: `[]` for the program, `[list]`, `[dev, words]`.
fn command_paths(lab: &TestLab) -> Vec<Vec<String>> {
    let (mut found, mut open) = (Vec::new(), vec![Vec::new()]);
    while let Some(path) = open.pop() {
        let names: Vec<_> = path.iter().map(String::as_str).collect();
        let groups = [&[][..], &["dev"], &["user"], &["dev", "wrong-answer"]];
        if groups.contains(&names.as_slice()) {
            for name in subcommands(lab, &names) {
                open.push(path.iter().cloned().chain([name]).collect());
            }
        }
        found.push(path);
    }
    assert!(found.len() > 30, "the help was not understood: {found:?}");
    found
}
