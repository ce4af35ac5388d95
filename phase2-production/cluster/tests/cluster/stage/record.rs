//! What is kept of a test that fails: its histories, and the command that runs it again.

use anyhow::anyhow;
use ledger::{Header, Recorder};
use std::path::Path;

/// What a trial is started with: enough to start it again.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// A name by which cargo finds the test.
    pub(crate) test: &'static str,
    /// From which all that is random in it comes.
    pub(crate) seed: u64,
    /// Environment variables that the test reads.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Run {
    /// Of a test that has its seed in its text, and reads no variables.
    pub(crate) const fn of(test: &'static str, seed: u64) -> Self {
        Self { test, seed, variables: Vec::new() }
    }

    /// The first line of its history.
    pub(crate) fn header(&self, design: &str, users: Vec<String>) -> Header {
        let header = Header::new(self.seed, users).with("test", &self.test);
        let header = header.with("design", &design);
        self.variables
            .iter()
            .fold(header, |header, (name, value)| header.with(name, value))
    }

    /// What runs it again.
    pub(crate) fn command(&self) -> String {
        let variables = self.variables.iter();
        let variables: String =
            variables.map(|(name, value)| format!("{name}={value} ")).collect();
        format!("{variables}cargo test -p cluster --test cluster {}", self.test)
    }
}

/// A trial under way, or over.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) run: Run,
    pub(super) recorder: Recorder,
}

impl Record {
    /// Writes the history into a folder. The error then says where it is, and how to run
    /// the test again.
    pub(super) fn keep(&self, folder: &Path, error: &anyhow::Error) -> anyhow::Error {
        let history = self.recorder.history();
        let design = &history.header.parameters["design"];
        let Run { test, seed, .. } = self.run;
        let file = folder.join(format!("lab-history-{test}-{design}-{seed}.jsonl"));
        let kept = match history.write(&file) {
            Ok(()) => file.display().to_string(),
            Err(lost) => format!("{lost:#}"),
        };
        let rerun = self.run.command();
        anyhow!("{error:#}\n{test} on {design}\nhistory: {kept}\nrerun: {rerun}")
    }
}

/// Also of a test whose own demand was not met, of which no checker knows.
#[test]
fn whatever_fails_leaves_its_history_and_the_command_that_runs_it_again()
-> anyhow::Result<()> {
    let variables = vec![("LAB_SEED", "7".to_owned()), ("LAB_KILLS", "200".to_owned())];
    let run = Run { test: "seeded_kills", seed: 10, variables };
    let recorder = Recorder::new(run.header("central", vec!["ann".to_owned()]));
    recorder.fault_ordered("r1", "kill");
    let (folder, record) = (tempfile::tempdir()?, Record { run, recorder });
    let says = record.keep(folder.path(), &anyhow!("it was not so")).to_string();
    let command =
        "LAB_SEED=7 LAB_KILLS=200 cargo test -p cluster --test cluster seeded_kills";
    assert!(says.starts_with("it was not so\n") && says.ends_with(command), "{says}");
    let file = folder.path().join("lab-history-seeded_kills-central-10.jsonl");
    assert!(says.contains(&file.display().to_string()), "{says}");
    let history = ledger::History::read(&file)?;
    assert_eq!(history.faults.len(), 1);
    assert_eq!(history.header.parameters["LAB_KILLS"], "200");
    Ok(())
}
