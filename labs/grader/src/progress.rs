//! How far somebody is, in a plain file in their folder of exercises.

use crate::manifest::Manifest;
use anyhow::Context;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the file.
pub const FILE: &str = "progress.txt";

const HEAD: &str = "# Written by `cargo lab`: exercise, solved or open, best points, the task that was\n\
                    # last found wrong, and for each task how many hints were looked at.\n";

/// What is known of one exercise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Every check passed at least once.
    pub solved: bool,
    /// The most points in one run.
    pub best: u32,
    /// The task of the first check that did not pass in the last run, from 1; 0 is none.
    pub task: usize,
    /// Hints looked at, by task.
    pub hints: BTreeMap<usize, usize>,
}

/// What is known of all exercises.
#[derive(Clone, Debug)]
pub struct Progress {
    file: PathBuf,
    standings: BTreeMap<String, Standing>,
}

impl Progress {
    /// Reads the file; lines that make no sense count as not there.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let text = fs::read_to_string(&file).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self { standings: lines.filter_map(parse).collect(), file }
    }

    /// What is known of an exercise.
    #[must_use]
    pub fn of(&self, id: &str) -> Standing {
        self.standings.get(id).cloned().unwrap_or_default()
    }

    /// Changes it, and writes the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn change(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut Standing),
    ) -> anyhow::Result<()> {
        change(self.standings.entry(id.to_owned()).or_default());
        let mut text = HEAD.to_owned();
        for (id, standing) in &self.standings {
            let Standing { solved, best, task, hints } = standing;
            let state = if *solved { "solved" } else { "open" };
            let _ = write!(text, "{id} {state} {best} {task}");
            hints.iter().for_each(|(task, seen)| {
                let _ = write!(text, " {task}:{seen}");
            });
            text.push('\n');
        }
        let new = self.file.with_extension("new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &self.file))
            .with_context(|| format!("cannot write {}", self.file.display()))
    }

    /// The first exercise that is not solved.
    #[must_use]
    pub fn next<'a>(&self, all: &'a [Manifest]) -> Option<&'a Manifest> {
        all.iter().find(|manifest| !self.of(&manifest.id).solved)
    }
}

fn parse(line: &str) -> Option<(String, Standing)> {
    let mut words = line.split_whitespace();
    let id = words.next()?.to_owned();
    let solved = words.next()? == "solved";
    let (best, task) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let hint = |word: &str| {
        let (task, seen) = word.split_once(':')?;
        Some((task.parse().ok()?, seen.parse().ok()?))
    };
    Some((id, Standing { solved, best, task, hints: words.filter_map(hint).collect() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut progress = Progress::read(folder.path());
        let standing = Standing {
            solved: true,
            best: 15,
            task: 0,
            hints: BTreeMap::from([(1, 3), (4, 1)]),
        };
        progress.change("p1-01-x", |its| its.clone_from(&standing)).unwrap();
        assert_eq!(Progress::read(folder.path()).of("p1-01-x"), standing);
    }

    #[test]
    fn a_broken_file_is_a_beginning() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "what?\n\np1-01 solved many\n").unwrap();
        assert_eq!(Progress::read(folder.path()).of("p1-01"), Standing::default());
    }
}
