//! The record of a failed test: its histories, and the command that repeats it.

use anyhow::anyhow;
use std::path::Path;
use workload::{Header, HistoryRecorder};

/// The parameters of a trial, which are enough to repeat it.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// The test filter for `cargo test`.
    pub(crate) test: &'static str,
    /// The seed of all random choices.
    pub(crate) seed: u64,
    /// Environment variables that the test reads.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Run {
    /// The parameters of a test with a fixed seed and without variables.
    pub(crate) const fn of(test: &'static str, seed: u64) -> Self {
        Self { test, seed, variables: Vec::new() }
    }

    /// The header of the history.
    pub(crate) fn header(&self, design: &str, users: Vec<String>) -> Header {
        let header = Header::new(self.seed, users).with("test", &self.test);
        let header = header.with("design", &design);
        self.variables
            .iter()
            .fold(header, |header, (name, value)| header.with(name, value))
    }

    /// The command that repeats the test.
    pub(crate) fn command(&self) -> String {
        let variables = self.variables.iter();
        let variables: String =
            variables.map(|(name, value)| format!("{name}={value} ")).collect();
        format!("{variables}cargo test -p launcher --test cluster {}", self.test)
    }
}

/// The history of a trial.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) run: Run,
    pub(super) recorder: HistoryRecorder,
}

impl Record {
    /// Writes the history into a folder. The returned error names the file and the command that
    /// repeats the test.
    pub(super) fn keep(&self, folder: &Path, error: &anyhow::Error) -> anyhow::Error {
        let history = self.recorder.history();
        let design = &history.header.parameters["design"];
        let Run { test, seed, .. } = self.run;
        let file = folder.join(format!("lab-history-{test}-{design}-{seed}.jsonl"));
        let kept = match history.write(&file) {
            Ok(()) => file.display().to_string(),
            Err(error) => format!("{error:#}"),
        };
        let rerun = self.run.command();
        anyhow!("{error:#}\n{test} on {design}\nhistory: {kept}\nrerun: {rerun}")
    }
}

/// Also for a test whose own assertion failed, independent of the checker.
#[test]
fn failed_test_keeps_its_history_and_rerun_command() -> anyhow::Result<()> {
    let variables = vec![("LAB_SEED", "7".to_owned()), ("LAB_KILLS", "200".to_owned())];
    let run = Run { test: "seeded_kills", seed: 10, variables };
    let recorder = HistoryRecorder::new(run.header("central", vec!["ann".to_owned()]));
    recorder.fault_start_invoked("r1", "kill");
    let (folder, record) = (tempfile::tempdir()?, Record { run, recorder });
    let text = record.keep(folder.path(), &anyhow!("the assertion failed")).to_string();
    let command =
        "LAB_SEED=7 LAB_KILLS=200 cargo test -p launcher --test cluster seeded_kills";
    assert!(
        text.starts_with("the assertion failed\n") && text.ends_with(command),
        "{text}"
    );
    let file = folder.path().join("lab-history-seeded_kills-central-10.jsonl");
    assert!(text.contains(&file.display().to_string()), "{text}");
    let history = workload::History::read(&file)?;
    assert_eq!(history.faults.len(), 1);
    assert_eq!(history.header.parameters["LAB_KILLS"], "200");
    Ok(())
}
