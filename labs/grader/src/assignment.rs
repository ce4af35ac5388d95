//! One grading: the work, the checks and the settings.

use crate::check::Suite;
use crate::manifest::{CheckEntry, Manifest};
use crate::paths::LabPaths;
use crate::record::{CheckRecord, Status};
use process::Program;
use std::path::PathBuf;

/// One grading: the work, the checks and the settings.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Paths of the repository's own copies.
    pub paths: LabPaths,
    /// The exercise.
    pub manifest: Manifest,
    /// Its checks.
    pub suite: Suite,
    /// The folder of exercises that contains the work; `None` if there is no submission.
    pub work: Option<PathBuf>,
    /// The sandbox that the program runs in, and its arguments before the sandbox's own.
    pub sandbox: Program,
    /// Seed of all random values.
    pub seed: u64,
    /// Number of runs of each check. Each run uses the next seed.
    pub repeat: u32,
    /// Whether to stop at the first failed check.
    pub stops_early: bool,
}

impl Assignment {
    /// The record of a check that has not run.
    pub(crate) fn blank(&self, check: &CheckEntry) -> CheckRecord {
        let Manifest { id, editable, .. } = &self.manifest;
        CheckRecord {
            id: check.id.clone(),
            title: check.title.clone(),
            task: check.task,
            status: Status::Skipped,
            points: 0,
            max_points: check.points,
            expected: String::new(),
            actual: String::new(),
            help: String::new(),
            transcript: Vec::new(),
            log: String::new(),
            seed: self.seed,
            rerun: String::new(),
            duration_ms: 0,
            requests: 0,
            p99_ms: 0.0,
            quiet: check.quiet,
            file: format!("{id}/{}", editable[0]),
        }
    }
}
