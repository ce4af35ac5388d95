//! Paths: the repository's exercises, solutions and wrong answers, and the folder of
//! work.

use crate::manifest::{FILE, Manifest};
use crate::renamed::had_id;
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of work in a repository of the lab, or in a repository created from it. The
/// commands work there.
pub const WORK_FOLDER: &str = "labs/work";

/// Paths of the repository's own copies. Work is compared with these, never with other
/// files of the submission.
#[derive(Clone, Debug)]
pub struct LabPaths {
    labs: PathBuf,
    target: PathBuf,
}

impl LabPaths {
    /// The repository that this program was built from.
    ///
    /// # Errors
    /// When it has been moved or deleted.
    pub fn here() -> anyhow::Result<Self> {
        let labs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("labs")?;
        let target = labs.parent().context("the repository")?.join("target/exercises");
        Self::at(labs, &target)
    }

    /// A folder with `exercises`, and the target folder for their builds.
    ///
    /// # Errors
    /// When the folder contains no `exercises`.
    pub fn at(labs: &Path, target: &Path) -> anyhow::Result<Self> {
        let paths = Self { labs: labs.to_owned(), target: target.to_owned() };
        if !paths.exercises().is_dir() {
            bail!(
                "{} does not exist: run this from the repository",
                paths.exercises().display()
            );
        }
        Ok(paths)
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Path {
        self.labs.parent().unwrap_or(&self.labs)
    }

    /// The folder of work in this repository. Git tracks it, and the original exercises
    /// stay unchanged.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.repository().join(WORK_FOLDER)
    }

    /// The original exercises: a Cargo workspace.
    #[must_use]
    pub fn exercises(&self) -> PathBuf {
        self.labs.join("exercises")
    }

    /// The solution of an exercise. It may be missing in a students' copy.
    #[must_use]
    pub fn solution(&self, id: &str) -> PathBuf {
        self.labs.join("solutions").join(id)
    }

    /// The wrong answers of an exercise, one folder each. The checks must catch all of
    /// them.
    #[must_use]
    pub fn wrong_answers(&self, id: &str) -> PathBuf {
        self.labs.join("wrong-answers").join(id)
    }

    /// Target folder of all builds. It is shared, so that dependencies are built once.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// All exercises, in order.
    ///
    /// # Errors
    /// When a manifest cannot be read.
    pub fn all(&self) -> anyhow::Result<Vec<Manifest>> {
        ids(&self.exercises())?.iter().map(|id| self.manifest(id)).collect()
    }

    /// The manifest of one exercise, by its id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn manifest(&self, id: &str) -> anyhow::Result<Manifest> {
        Manifest::read(&self.exercises().join(id))
    }

    /// Resolves an id or the unique beginning of one.
    ///
    /// # Errors
    /// When no id matches, or more than one.
    pub fn id_of(&self, word: &str) -> anyhow::Result<String> {
        let ids = ids(&self.exercises())?;
        let mut meant = ids.iter().filter(|id| id.starts_with(word) || had_id(id, word));
        match (meant.next(), meant.next()) {
            (Some(id), None) => Ok(id.clone()),
            (None, _) => {
                bail!("no exercise is called {word}. Exercises: {}", ids.join(", "))
            }
            (Some(_), Some(_)) => bail!("more than one exercise begins with {word}"),
        }
    }
}

/// The ids of the exercises in a folder, sorted.
///
/// # Errors
/// When the folder cannot be read.
pub fn ids(folder: &Path) -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?;
    let mut ids: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join(FILE).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    ids.sort_unstable();
    Ok(ids)
}

/// The folder of exercises that contains `place`: itself or one of its parents.
#[must_use]
pub fn folder_around(place: &Path) -> Option<PathBuf> {
    let holds = |folder: &&Path| ids(folder).is_ok_and(|ids| !ids.is_empty());
    place.ancestors().find(holds).map(Path::to_owned)
}
