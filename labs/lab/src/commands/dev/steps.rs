//! Steps of a long run: commands that are run one after the other, with their duration.

use crate::screen::print_line;
use anyhow::Context;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The exit code of a run that was inconclusive, such as on a busy machine.
const INCONCLUSIVE: i32 = 4;

/// A command with a name.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The name in reports.
    pub(super) name: String,
    program: PathBuf,
    args: Vec<String>,
    environment: Vec<(&'static str, String)>,
    must_print: Option<&'static str>,
    times: u32,
}

/// The result of one step.
#[derive(Clone, Debug)]
pub(super) struct StepResult {
    /// The step's name.
    pub(super) name: String,
    /// The command, as it would be typed.
    pub(super) command: String,
    /// The duration of all attempts together.
    pub(super) took: Duration,
    /// Number of runs; more than one only after inconclusive runs.
    pub(super) attempts: u32,
    /// The exit code of the last run; `None` if a signal ended it.
    pub(super) code: Option<i32>,
}

impl Step {
    /// A step that runs `cargo`.
    pub(super) fn cargo(name: &str, args: &[&str]) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        Self::program(name, cargo.into(), args)
    }

    /// A step that runs `cargo test` in the workspace.
    pub(super) fn cargo_test(name: &str, args: &[&str]) -> Self {
        let workspace = workspace();
        let flags = workspace.iter().map(String::as_str);
        let all: Vec<_> =
            ["test"].into_iter().chain(flags).chain(args.to_vec()).collect();
        Self::cargo(name, &all)
    }

    /// A step that runs this program.
    pub(super) fn lab(name: &str, args: &[&str]) -> anyhow::Result<Self> {
        let lab = std::env::current_exe().context("cannot find this program")?;
        Ok(Self::program(name, lab, args))
    }

    /// A step that runs any program.
    pub(super) fn program(name: &str, program: PathBuf, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self {
            name: name.to_owned(),
            program,
            args,
            environment: Vec::new(),
            must_print: None,
            times: 1,
        }
    }

    /// Sets an environment variable.
    pub(super) fn env(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.environment.push((name, value.to_string()));
        self
    }

    /// Makes the step fail if its standard output lacks a text: a test filter that matches
    /// no test would pass.
    pub(super) fn must_print(mut self, text: &'static str) -> Self {
        self.must_print = Some(text);
        self
    }

    /// Makes the step run its command `times` times. It ends with the first run that does not
    /// pass.
    pub(super) fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The command, as it would be typed.
    pub(super) fn command(&self) -> String {
        let environment = self.environment.iter();
        let environment = environment.map(|(name, value)| format!("{name}={value}"));
        let program = self.program.file_name().unwrap_or_default().to_string_lossy();
        let times = (self.times > 1).then(|| format!("{} times:", self.times));
        let words = times.into_iter().chain(environment);
        words
            .chain([program.into_owned()])
            .chain(self.args.clone())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs the step, and again while it is inconclusive and attempts remain.
    pub(super) fn run(&self, max_attempts: u32) -> anyhow::Result<StepResult> {
        print_line(format_args!("\n=== {}: {}", self.name, self.command()));
        let started = Instant::now();
        let mut attempts = 1;
        let code = loop {
            let code = self.run_times()?;
            if code != Some(INCONCLUSIVE) || attempts >= max_attempts {
                break code;
            }
            attempts += 1;
            print_line(format_args!(
                "inconclusive: attempt {attempts} of {max_attempts}"
            ));
        };
        let (name, command) = (self.name.clone(), self.command());
        Ok(StepResult { name, command, took: started.elapsed(), attempts, code })
    }

    fn run_times(&self) -> anyhow::Result<Option<i32>> {
        for _ in 1..self.times {
            let code = self.run_once()?;
            if code != Some(0) {
                return Ok(code);
            }
        }
        self.run_once()
    }

    fn run_once(&self) -> anyhow::Result<Option<i32>> {
        let mut command = Command::new(&self.program);
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        command.args(&self.args).envs(environment);
        let start = || format!("cannot start {}", self.program.display());
        let Some(text) = self.must_print else {
            return Ok(command.status().with_context(start)?.code());
        };
        let mut child = command.stdout(Stdio::piped()).spawn().with_context(start)?;
        let stdout = child.stdout.take().context("the output is piped")?;
        let mut printed = false;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            printed |= line.contains(text);
            print_line(&line);
        }
        let code = child.wait()?.code();
        if code == Some(0) && !printed {
            print_line(format_args!(
                "{} passed without printing {text:?}: it ran nothing",
                self.name
            ));
            return Ok(Some(1));
        }
        Ok(code)
    }
}

impl StepResult {
    /// Whether the step passed.
    pub(super) fn passed(&self) -> bool {
        self.code == Some(0)
    }

    /// The outcome in one or two words.
    pub(super) fn outcome(&self) -> &'static str {
        match self.code {
            Some(0) => "pass",
            Some(2) => "usage error",
            Some(3) => "harness error",
            Some(INCONCLUSIVE) => "inconclusive",
            Some(_) => "fail",
            None => "killed",
        }
    }
}

/// One line for each step: duration, outcome, name.
pub(super) fn print_table(results: &[StepResult]) {
    print_line("");
    for result in results {
        let seconds = result.took.as_secs();
        print_line(format_args!(
            "{seconds:>6} s  {:<13} {}",
            result.outcome(),
            result.name
        ));
    }
}

/// The flags that select everything in this workspace, with the same features as `scripts/test`:
/// other flags would compile the dependencies again.
pub(super) fn workspace() -> Vec<String> {
    let mut flags = vec!["--workspace".to_owned(), "--locked".to_owned()];
    if let Some(features) = features() {
        flags.extend(["--features".to_owned(), features]);
    }
    flags
}

/// The features to build with, if there are any: those of the tests on containers.
pub(super) fn features() -> Option<String> {
    std::env::var("LAB_FEATURES").ok().filter(|features| !features.is_empty())
}

/// The output of a program, without white space around it.
pub(super) fn output(program: &str, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(args).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    anyhow::ensure!(output.status.success(), "{program} failed");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Step {
        Step::program("shell", "/bin/sh".into(), &["-c", script])
    }

    #[test]
    fn inconclusive_step_is_repeated_and_failure_is_final() {
        let results = [(4, 3), (1, 1), (0, 1), (3, 1)].map(|(code, attempts)| {
            let result = shell(&format!("exit {code}")).run(3).unwrap();
            assert_eq!((result.code, result.attempts), (Some(code), attempts));
            result.outcome()
        });
        assert_eq!(results, ["inconclusive", "fail", "pass", "harness error"]);
    }

    #[test]
    fn environment_is_set_and_part_of_the_command() {
        let step = shell("test $COUNT = 7").env("COUNT", &7);
        assert!(step.run(1).unwrap().passed());
        assert_eq!(step.command(), "COUNT=7 sh -c test $COUNT = 7");
    }

    #[test]
    fn repeated_step_ends_with_its_first_failure() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        let script = format!("echo run >>{0}; [ $(wc -l <{0}) -lt 3 ]", count.display());
        let step = shell(&script).times(5);
        assert!(step.command().starts_with("5 times: sh"), "{}", step.command());
        assert_eq!(step.run(1).unwrap().code, Some(1));
        assert_eq!(std::fs::read_to_string(count).unwrap().lines().count(), 3);
    }

    #[test]
    fn step_without_required_output_fails() {
        let run = |text| shell("echo 3 kills in 2 s").must_print(text).run(1).unwrap();
        assert!(run(" kills in ").passed());
        assert_eq!(run(" kills at ").outcome(), "fail");
    }
}
