//! `exercise.toml`: an exercise's title, editable files, checks, points and hints.

use anyhow::{Context, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The name of the file.
pub const FILE: &str = "exercise.toml";

/// The supported version of the format.
const FORMAT: u32 = 1;

/// An exercise, as its manifest describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// The version of this format.
    pub format: u32,
    /// The name of its folder, of its package and of its program.
    pub id: String,
    /// Human-readable title.
    pub title: String,
    /// Expected working time, in minutes.
    pub minutes: u32,
    /// The student's files, relative to the exercise's folder. A name that ends with `/`
    /// is a folder, and all files in it are the student's.
    pub editable: Vec<String>,
    /// Backing services of the replicas: `redis` (as `REDIS_URL`), `database`
    /// (`DATABASE_URL`).
    #[serde(default)]
    pub services: Vec<Service>,
    /// Number of runs of each check when grading. Each run uses another seed.
    #[serde(default = "twice")]
    pub repeat: u32,
    /// The failure that the unchanged starter must cause.
    pub starter: Starter,
    /// Limits of the program.
    #[serde(default)]
    pub limits: Limits,
    /// The tasks, in the order of the README.
    #[serde(rename = "task")]
    pub tasks: Vec<Task>,
    /// The checks, in execution order.
    #[serde(rename = "check")]
    pub checks: Vec<CheckEntry>,
}

const fn twice() -> u32 {
    2
}

/// A backing service.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Redis.
    Redis,
    /// A relational database: an `SQLite` file.
    Database,
}

/// The starter's first failure. It ensures that the starter fails for the intended
/// reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Starter {
    /// The check that fails first.
    pub fails: String,
    /// Part of the check's "expected" or "actual".
    pub because: String,
    /// Checks with points that it passes. They give points only beside another check.
    #[serde(default)]
    pub passes: Vec<String>,
}

/// Limits of one program. They protect the machine from mistakes, not from a malicious
/// program.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Maximum duration of one check, in seconds.
    pub seconds: u64,
    /// Memory of a replica and its descendants, in MiB.
    pub memory_mib: u64,
    /// Maximum number of processes of a replica.
    pub processes: u64,
    /// Maximum output of a replica on standard output and standard error, in KiB.
    pub output_kib: u64,
}

impl Limits {
    /// Maximum duration of one check.
    #[must_use]
    pub const fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { seconds: 60, memory_mib: 512, processes: 16, output_kib: 1024 }
    }
}

/// A heading of the README under "The task".
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// As in the README.
    pub title: String,
    /// Three hints: where to look, the concept, nearly the code.
    #[serde(rename = "hint")]
    pub hints: Vec<Hint>,
}

/// A question about the task, and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// The question, such as "How do I …?"
    pub question: String,
    /// The answer, in a few lines.
    pub answer: String,
}

/// A check's title and points.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckEntry {
    /// The name of the check's function.
    pub id: String,
    /// What the check verifies, as a sentence.
    pub title: String,
    /// The number of the task it belongs to, from 1.
    pub task: usize,
    /// Points for passing it.
    pub points: u32,
    /// Checks that must pass before this one can give a result.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Runs last, is not listed in the README, and is shown only when it does not pass.
    #[serde(default)]
    pub quiet: bool,
}

impl Manifest {
    /// Reads the manifest in an exercise's folder.
    ///
    /// # Errors
    /// When it is missing or inconsistent.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Self =
            toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        manifest.consistent(name).with_context(|| format!("{}", path.display()))?;
        Ok(manifest)
    }

    fn consistent(&self, folder: &str) -> anyhow::Result<()> {
        let Self { format, id, .. } = self;
        ensure!(*format == FORMAT, "format is {format}: this lab reads {FORMAT}");
        ensure!(id == folder, "id is {id}, the folder is {folder}");
        ensure!(!self.editable.is_empty(), "no file is editable");
        for file in &self.editable {
            let plain =
                !file.starts_with('/') && !file.split('/').any(|part| part == "..");
            ensure!(plain, "{file} is not inside the exercise");
        }
        let mut known = BTreeSet::new();
        for check in &self.checks {
            let CheckEntry { id, task, .. } = check;
            for need in &check.needs {
                ensure!(
                    known.contains(need.as_str()),
                    "{id} needs {need}, which does not precede it"
                );
            }
            let tasks = 1..=self.tasks.len();
            ensure!(
                tasks.contains(task),
                "{id} belongs to task {task}, which does not exist"
            );
            ensure!(known.insert(id.as_str()), "{id} is defined twice");
        }
        let fails = &self.starter.fails;
        ensure!(
            known.contains(fails.as_str()),
            "the starter fails {fails}, which is not a check"
        );
        let says_why = !self.starter.because.trim().is_empty();
        ensure!(
            says_why,
            "the starter's \"because\" is empty, so any failure would match"
        );
        Ok(())
    }

    /// The short form of its id: `p1-01` of `p1-01-life-of-a-session`.
    #[must_use]
    pub fn short_id(&self) -> &str {
        self.id.match_indices('-').nth(1).map_or(&self.id, |(at, _)| &self.id[..at])
    }

    /// Sum of the points of all checks.
    #[must_use]
    pub fn max_points(&self) -> u32 {
        self.checks.iter().map(|check| check.points).sum()
    }

    /// Whether a file of the exercise is editable.
    #[must_use]
    pub fn is_editable(&self, file: &str) -> bool {
        self.editable.iter().any(|editable| match editable.strip_suffix('/') {
            Some(_) => file.starts_with(editable.as_str()),
            None => file == editable,
        })
    }

    /// The list of checks that the README must contain.
    #[must_use]
    pub fn tests_block(&self) -> String {
        let line = |check: &CheckEntry| {
            let points = if check.points == 1 { "point" } else { "points" };
            format!(
                "- {} (task {}, {} {points})\n",
                check.title, check.task, check.points
            )
        };
        self.checks.iter().filter(|check| !check.quiet).map(line).collect()
    }
}
