//! A student's progress, in a text file in the folder of exercises.

use crate::manifest::Manifest;
use crate::renamed::current_id;
use crate::submission::MAX_FILE_BYTES;
use crate::untrusted_file;
use anyhow::{Context, ensure};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the file.
pub const FILE: &str = "progress.txt";

const HEAD: &str = "# Written by `cargo lab`: exercise, solved or open, best points, the task of the first\n\
                    # check that did not pass, and for each task the number of hints shown.\n";

/// Progress in one exercise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExerciseProgress {
    /// Whether all checks passed in one run.
    pub solved: bool,
    /// The most points in one run.
    pub best: u32,
    /// The task of the first check that did not pass in the last run, from 1; 0 if all
    /// passed.
    pub task: usize,
    /// Number of hints shown, by task.
    pub hints: BTreeMap<usize, usize>,
}

/// Progress in all exercises.
#[derive(Clone, Debug)]
pub struct Progress {
    file: PathBuf,
    exercises: BTreeMap<String, ExerciseProgress>,
}

impl Progress {
    /// Reads the file. Malformed lines are ignored. A link is not followed, because it can
    /// come from a student.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let text = untrusted_file::read(&file, MAX_FILE_BYTES).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self { exercises: lines.filter_map(parse).collect(), file }
    }

    /// The progress in one exercise.
    #[must_use]
    pub fn of(&self, id: &str) -> ExerciseProgress {
        self.exercises.get(id).cloned().unwrap_or_default()
    }

    /// Updates the progress in one exercise and writes the file.
    ///
    /// # Errors
    /// When the file cannot be written, or is no regular file.
    pub fn change(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut ExerciseProgress),
    ) -> anyhow::Result<()> {
        change(self.exercises.entry(id.to_owned()).or_default());
        let mut text = HEAD.to_owned();
        for (id, progress) in &self.exercises {
            let ExerciseProgress { solved, best, task, hints } = progress;
            let state = if *solved { "solved" } else { "open" };
            let _ = write!(text, "{id} {state} {best} {task}");
            hints.iter().for_each(|(task, seen)| {
                let _ = write!(text, " {task}:{seen}");
            });
            text.push('\n');
        }
        let (found, shown) = (fs::symlink_metadata(&self.file), self.file.display());
        let is_irregular = found.is_ok_and(|found| !found.is_file());
        ensure!(!is_irregular, "cannot write {shown}: it is no regular file");
        outcome::file::replace(&self.file, text)
            .with_context(|| format!("cannot write {shown}"))
    }

    /// The first exercise that is not solved.
    #[must_use]
    pub fn next<'a>(&self, all: &'a [Manifest]) -> Option<&'a Manifest> {
        all.iter().find(|manifest| !self.of(&manifest.id).solved)
    }
}

fn parse(line: &str) -> Option<(String, ExerciseProgress)> {
    let mut words = line.split_whitespace();
    let id = current_id(words.next()?).to_owned();
    let solved = words.next()? == "solved";
    let (best, task) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let hint = |word: &str| {
        let (task, seen) = word.split_once(':')?;
        Some((task.parse().ok()?, seen.parse().ok()?))
    };
    Some((
        id,
        ExerciseProgress { solved, best, task, hints: words.filter_map(hint).collect() },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_round_trips_through_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut progress = Progress::read(folder.path());
        let saved = ExerciseProgress {
            solved: true,
            best: 15,
            task: 0,
            hints: BTreeMap::from([(1, 3), (4, 1)]),
        };
        progress.change("p1-01-x", |its| its.clone_from(&saved)).unwrap();
        assert_eq!(Progress::read(folder.path()).of("p1-01-x"), saved);
    }

    #[test]
    fn progress_under_a_former_id_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let line = "p1-02-credential-on-every-request solved 19 0 2:1\n";
        fs::write(folder.path().join(FILE), line).unwrap();
        let mut progress = Progress::read(folder.path());
        assert!(progress.of("p1-02-credential-on-every-request").solved);
        progress.change("p1-01-x", |its| its.best = 1).unwrap();
        let progress =
            Progress::read(folder.path()).of("p1-02-credential-on-every-request");
        assert_eq!((progress.solved, progress.best), (true, 19));
    }

    /// Otherwise a submission could change a file of the grading user.
    #[test]
    fn linked_progress_file_is_neither_read_nor_written() {
        let folder = tempfile::tempdir().unwrap();
        let (private, line) = (folder.path().join("private"), "p1-01-x solved 9 0\n");
        fs::write(&private, line).unwrap();
        std::os::unix::fs::symlink(&private, folder.path().join(FILE)).unwrap();
        let mut progress = Progress::read(folder.path());
        assert_eq!(progress.of("p1-01-x"), ExerciseProgress::default());
        assert!(progress.change("p1-01-x", |its| its.best = 1).is_err());
        assert_eq!(fs::read_to_string(private).unwrap(), line);
    }

    #[test]
    fn malformed_progress_file_counts_as_empty() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "what?\n\np1-01 solved many\n").unwrap();
        assert_eq!(
            Progress::read(folder.path()).of("p1-01"),
            ExerciseProgress::default()
        );
    }
}
