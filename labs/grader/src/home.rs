//! Where things lie: the repository's own exercises, solutions and wrong answers, and the
//! folder somebody works in.

use crate::manifest::{FILE, Manifest};
use crate::place::WORK;
use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The repository's own copies. What is graded is compared with these, and never with what
/// lies beside the work that is graded.
#[derive(Clone, Debug)]
pub struct Home {
    labs: PathBuf,
    target: PathBuf,
}

impl Home {
    /// The repository that this program was built from.
    ///
    /// # Errors
    /// When it is no longer where it was.
    pub fn here() -> anyhow::Result<Self> {
        let labs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("labs")?;
        let target = labs.parent().context("the repository")?.join("target/exercises");
        Self::at(labs, &target)
    }

    /// A folder with `exercises`, and where what is built of them goes.
    ///
    /// # Errors
    /// When it holds no exercises.
    pub fn at(labs: &Path, target: &Path) -> anyhow::Result<Self> {
        let home = Self { labs: labs.to_owned(), target: target.to_owned() };
        if !home.exercises().is_dir() {
            bail!("{} is gone: run this from the repository", home.exercises().display());
        }
        Ok(home)
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Path {
        self.labs.parent().unwrap_or(&self.labs)
    }

    /// Where whoever uses this repository works: git takes it along, and what was handed
    /// out stays beside it as it was.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.repository().join(WORK)
    }

    /// The exercises as they are handed out: a Cargo workspace.
    #[must_use]
    pub fn exercises(&self) -> PathBuf {
        self.labs.join("exercises")
    }

    /// The reader's files of an exercise, solved. May be missing where students can look.
    #[must_use]
    pub fn solution(&self, id: &str) -> PathBuf {
        self.labs.join("solutions").join(id)
    }

    /// Mistakes that the checks have to catch, a folder each.
    #[must_use]
    pub fn wrong_answers(&self, id: &str) -> PathBuf {
        self.labs.join("wrong-answers").join(id)
    }

    /// Where `cargo` builds exercises. One folder for all of them and for every
    /// submission, so that what they depend on is built once.
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

    /// The id that somebody means: the whole id, or the beginning of just one.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn id_of(&self, word: &str) -> anyhow::Result<String> {
        let ids = ids(&self.exercises())?;
        let mut meant = ids.iter().filter(|id| *id == word || id.starts_with(word));
        match (meant.next(), meant.next()) {
            (Some(id), None) => Ok(id.clone()),
            (None, _) => {
                bail!("no exercise is called {word}. There are: {}", ids.join(", "))
            }
            (Some(_), Some(_)) => bail!("more than one exercise begins with {word}"),
        }
    }
}

/// The exercises in a folder, by name, in order.
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

/// The folder of exercises that somebody stands in: this one or one above it.
#[must_use]
pub fn folder_around(place: &Path) -> Option<PathBuf> {
    let holds = |folder: &&Path| ids(folder).is_ok_and(|ids| !ids.is_empty());
    place.ancestors().find(holds).map(Path::to_owned)
}
