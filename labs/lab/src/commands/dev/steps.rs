//! Steps of a long run: commands that are run one after the other, with their duration.

use anyhow::Context;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
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
}

/// The result of one step.
#[derive(Clone, Debug)]
pub(super) struct StepResult {
    /// The step's name.
    pub(super) name: String,
    /// The command, as a person would type it.
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

    /// A step that runs this program.
    pub(super) fn lab(name: &str, args: &[&str]) -> anyhow::Result<Self> {
        let lab = std::env::current_exe().context("cannot find this program")?;
        Ok(Self::program(name, lab, args))
    }

    /// A step that runs any program.
    pub(super) fn program(name: &str, program: PathBuf, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self { name: name.to_owned(), program, args, environment: Vec::new() }
    }

    /// Sets an environment variable.
    pub(super) fn env(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.environment.push((name, value.to_string()));
        self
    }

    /// The command, as a person would type it.
    pub(super) fn command(&self) -> String {
        let environment = self.environment.iter();
        let environment = environment.map(|(name, value)| format!("{name}={value}"));
        let program = self.program.file_name().unwrap_or_default().to_string_lossy();
        environment
            .chain([program.into_owned()])
            .chain(self.args.clone())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs the step, and again while it is inconclusive and attempts remain.
    pub(super) fn run(&self, max_attempts: u32) -> anyhow::Result<StepResult> {
        println!("\n=== {}: {}", self.name, self.command());
        let started = Instant::now();
        let mut attempts = 1;
        let code = loop {
            let code = self.run_once()?;
            if code != Some(INCONCLUSIVE) || attempts >= max_attempts {
                break code;
            }
            attempts += 1;
            println!("inconclusive: attempt {attempts} of {max_attempts}");
        };
        let (name, command) = (self.name.clone(), self.command());
        Ok(StepResult { name, command, took: started.elapsed(), attempts, code })
    }

    fn run_once(&self) -> anyhow::Result<Option<i32>> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let status = command.status();
        let status =
            status.with_context(|| format!("cannot start {}", self.program.display()))?;
        Ok(status.code())
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
    println!();
    for result in results {
        let seconds = result.took.as_secs();
        println!("{seconds:>6} s  {:<13} {}", result.outcome(), result.name);
    }
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
}
