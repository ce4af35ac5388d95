//! Wrong answers: mistakes that the checks of an exercise have to catch. Each is a folder
//! with a patch against the solution, the expected failure and its transcript.

use super::overlay::{copy, sources};
use super::patch::{self, Sources};
use super::rebase::rebase;
use crate::paths::LabPaths;
use crate::source_text::with_line_feeds;
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

const EXPECTED_FAILURE: &str = "mistake.toml";
const PATCH: &str = "answer.patch";
const TRANSCRIPT: &str = "transcript.txt";

/// A wrong answer of one exercise.
#[derive(Clone, Debug)]
pub struct WrongAnswer {
    /// The name of its folder.
    pub name: String,
    folder: PathBuf,
    solution: PathBuf,
}

/// The failure that a wrong answer has to cause.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedFailure {
    /// The check that catches it first.
    pub(super) fails: String,
    /// Part of that check's report.
    pub(super) because: String,
    /// Whether the failure differs from run to run, as a race does.
    #[serde(default)]
    pub(super) varies: bool,
}

impl WrongAnswer {
    /// The wrong answer of that name, which may not exist yet.
    #[must_use]
    pub fn named(paths: &LabPaths, exercise: &str, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            folder: paths.wrong_answers(exercise).join(name),
            solution: paths.solution(exercise),
        }
    }

    /// All wrong answers of an exercise, by name.
    #[must_use]
    pub fn all(paths: &LabPaths, exercise: &str) -> Vec<Self> {
        let entries = fs::read_dir(paths.wrong_answers(exercise));
        let mut names: Vec<String> = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names.iter().map(|name| Self::named(paths, exercise, name)).collect()
    }

    /// Writes the solution's files, with the patch applied, over those of a folder.
    ///
    /// # Errors
    /// When the patch does not apply, or the folder cannot be written.
    pub fn export(&self, to: &Path) -> anyhow::Result<()> {
        let answer = self.apply(&sources(&self.solution)?)?;
        copy(&self.solution, to)?;
        write(&answer, to)
    }

    /// Keeps the difference between the solution and the files of a folder as the patch.
    ///
    /// # Errors
    /// When there is no difference but in comments, or the patch cannot be written.
    pub fn save(&self, from: &Path) -> anyhow::Result<()> {
        self.save_sources(&sources(&self.solution)?, &sources(from)?)
    }

    /// Adapts the patch to a changed solution: changed comments are taken over, changed
    /// code is merged.
    ///
    /// # Errors
    /// When the patch does not apply to the old solution, or when both changed the same
    /// lines: the files are then in `conflicts`, with conflict markers.
    pub fn rebase(&self, old_solution: &Path, conflicts: &Path) -> anyhow::Result<()> {
        let (old, new) = (sources(old_solution)?, sources(&self.solution)?);
        let mut answer = self.apply(&old)?;
        let mut conflict = false;
        for (path, text) in &mut answer {
            let (Some(old), Some(new)) = (old.get(path), new.get(path)) else { continue };
            *text = rebase(old, new, text).unwrap_or_else(|marked| {
                conflict = true;
                marked
            });
        }
        if conflict {
            write(&answer, conflicts)?;
            anyhow::bail!(
                "conflicts: edit the files in {}, then save",
                conflicts.display()
            );
        }
        self.save_sources(&new, &answer)
    }

    fn apply(&self, solution: &Sources) -> anyhow::Result<Sources> {
        let patch =
            self.read(PATCH).context("a wrong answer is a patch of the solution")?;
        patch::apply(&patch, solution)
            .with_context(|| self.folder.join(PATCH).display().to_string())
    }

    fn save_sources(&self, solution: &Sources, answer: &Sources) -> anyhow::Result<()> {
        let patch = patch::create(solution, answer);
        ensure!(!patch.is_empty(), "{}: the code is that of the solution", self.name);
        fs::create_dir_all(&self.folder)?;
        fs::write(self.folder.join(PATCH), patch).context("cannot write the patch")
    }

    pub(super) fn expected_failure(&self) -> anyhow::Result<ExpectedFailure> {
        let text = self.read(EXPECTED_FAILURE);
        let text = text.context("mistake.toml states which check fails and why")?;
        let expected: ExpectedFailure =
            toml::from_str(&text).context(EXPECTED_FAILURE)?;
        let has_reason = !expected.because.trim().is_empty();
        ensure!(has_reason, "\"because\" is empty: every failure would match");
        Ok(expected)
    }

    /// The file with the transcript of the failure.
    pub(super) fn transcript(&self) -> PathBuf {
        self.folder.join(TRANSCRIPT)
    }

    fn read(&self, file: &str) -> anyhow::Result<String> {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        Ok(with_line_feeds(&text))
    }
}

fn write(sources: &Sources, to: &Path) -> anyhow::Result<()> {
    for (path, text) in sources {
        let path = to.join(path);
        fs::create_dir_all(path.parent().unwrap_or(to))?;
        fs::write(&path, text)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
