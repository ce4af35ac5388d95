//! Which exercise is meant, and where the work lies: what the exercise commands share.

use anyhow::{Context, bail, ensure};
use grader::home::{folder_around, ids};
use grader::progress::Progress;
use grader::{Assignment, CageProgram, Home, Manifest};
use rand::RngExt;
use std::fs;
use std::path::{Path, PathBuf};

/// Where somebody's own exercises go, below the repository; git does not look there.
const WORK: &str = "work";

/// Which exercise is meant, and where.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Which {
    /// The exercise, such as p1-01; the first that is not solved, if none is given
    #[arg(value_name = "ID")]
    id: Option<String>,

    #[command(flatten)]
    place: Place,
}

/// Where the work lies.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Place {
    /// The folder of exercises; the one around this folder, or else labs/work, if not
    /// given. Made when it is not there
    #[arg(long = "in", value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// A folder of exercises, and how far somebody is in it.
pub(crate) struct Desk {
    pub(crate) home: Home,
    pub(crate) folder: PathBuf,
    pub(crate) progress: Progress,
}

impl Place {
    /// Finds the folder, or makes one.
    pub(crate) fn open(&self) -> anyhow::Result<Desk> {
        let home = Home::here()?;
        let folder = match &self.folder {
            Some(folder) if folder.exists() => among(folder)?,
            Some(folder) => folder.clone(),
            None => around_here()?.unwrap_or_else(|| home.labs().join(WORK)),
        };
        if !folder.is_dir() {
            copy(&home.exercises(), &folder)?;
            eprintln!("Your own copy of the exercises is in {}\n", folder.display());
        }
        let progress = Progress::read(&folder);
        Ok(Desk { home, folder, progress })
    }

    /// Finds the folder. One that is graded is not made first.
    pub(crate) fn open_existing(&self) -> anyhow::Result<Desk> {
        if let Some(folder) = &self.folder {
            ensure!(folder.is_dir(), "there is no folder {}", folder.display());
        }
        self.open()
    }
}

/// The folder of exercises that a path names: it, or the one above an exercise.
fn among(path: &Path) -> anyhow::Result<PathBuf> {
    let path = fs::canonicalize(path)
        .with_context(|| format!("cannot find {}", path.display()))?;
    let found =
        [Some(path.as_path()), path.parent()].into_iter().flatten().find(|folder| {
            ids(folder).is_ok_and(|ids| {
                ids.iter().any(|id| path.starts_with(folder.join(id)) || *folder == path)
            })
        });
    let found = found.with_context(|| format!("no exercises in {}", path.display()))?;
    Ok(found.to_owned())
}

fn around_here() -> anyhow::Result<Option<PathBuf>> {
    let here = std::env::current_dir().context("cannot tell which folder this is")?;
    Ok(folder_around(&here))
}

impl Which {
    /// Finds the exercise and the folder.
    pub(crate) fn find(&self) -> anyhow::Result<(Desk, Manifest)> {
        let desk = self.place.open()?;
        let manifest = desk.exercise(self.id.as_deref())?;
        Ok((desk, manifest))
    }
}

impl Desk {
    /// The repository's own copy, for whoever grades the work of others.
    pub(crate) fn of_nobody() -> anyhow::Result<Self> {
        let home = Home::here()?;
        let folder = home.exercises();
        let progress = Progress::read(&folder);
        Ok(Self { home, folder, progress })
    }

    /// The exercise of this name, or the next one.
    pub(crate) fn exercise(&self, id: Option<&str>) -> anyhow::Result<Manifest> {
        if let Some(id) = id {
            return self.home.manifest(&self.home.id_of(id)?);
        }
        match self.next()? {
            Some(next) => Ok(next),
            None => bail!("every exercise is solved. Name one to see it again"),
        }
    }

    /// The first exercise that is not solved.
    pub(crate) fn next(&self) -> anyhow::Result<Option<Manifest>> {
        let all = self.home.all()?;
        Ok(self.progress.next(&all).cloned())
    }

    /// What is to be graded, with every check run once.
    pub(crate) fn assignment(&self, manifest: &Manifest) -> anyhow::Result<Assignment> {
        self.fetch(manifest)?;
        Ok(Assignment {
            home: self.home.clone(),
            manifest: manifest.clone(),
            suite: checks::suite(&manifest.id)?,
            work: self.folder.clone(),
            cage: cage()?,
            seed: seed(),
            repeat: 1,
            stops_early: false,
        })
    }

    /// Copies an exercise that is newer than the folder.
    fn fetch(&self, manifest: &Manifest) -> anyhow::Result<()> {
        let own = self.folder.join(&manifest.id);
        if own.is_dir() || self.is_the_original() {
            return Ok(());
        }
        copy(&self.home.exercises().join(&manifest.id), &own)
    }

    /// Whether this is the repository's own copy, in which nothing can be reset.
    pub(crate) fn is_the_original(&self) -> bool {
        let same = |path: PathBuf| fs::canonicalize(path).ok();
        same(self.folder.clone()) == same(self.home.exercises())
    }

    /// The path of one of the reader's files, as short as it can be said from here.
    pub(crate) fn path_of(&self, manifest: &Manifest, file: &str) -> String {
        let path = self.folder.join(&manifest.id).join(file);
        let here = std::env::current_dir().unwrap_or_default();
        path.strip_prefix(here).unwrap_or(&path).display().to_string()
    }
}

/// This program, as a cage.
pub(crate) fn cage() -> anyhow::Result<CageProgram> {
    let path = std::env::current_exe().context("cannot find this program")?;
    Ok(CageProgram { path, prefix: vec!["cage".into()] })
}

/// A seed that is short enough to be typed again.
pub(crate) fn seed() -> u64 {
    rand::rng().random_range(1..100_000)
}

/// Copies a folder of exercises; what was built in it stays behind.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        if name == "target" || name == grader::progress::FILE {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// Whether the current folder holds exercises or is one.
pub(crate) fn stands_among_exercises() -> bool {
    std::env::current_dir().is_ok_and(|here| folder_around(&here).is_some())
}
