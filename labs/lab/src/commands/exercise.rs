//! The common arguments of the exercise commands: the exercise and the folder of the work.

use super::usage;
use crate::screen::remark;
use crate::shell;
use anyhow::{Context, anyhow};
use grader::manifest::FILE;
use grader::paths::{WORK_FOLDER, folder_around, ids};
use grader::progress::Progress;
use grader::renamed::exercise_folder;
use grader::work_location::WORK_FOLDERS;
use grader::{Assignment, LabPaths, Manifest, Program, Record, Status};
use outcome::Outcome;
use rand::RngExt;
use std::fs;
use std::path::{Path, PathBuf};

/// An exercise and the folder of the work.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct ExerciseArgs {
    /// Exercise, such as p1-01 [default: the first that is not solved]
    #[arg(value_name = "ID")]
    id: Option<String>,

    #[command(flatten)]
    place: FolderArgs,
}

/// The folder of the work.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct FolderArgs {
    /// Folder of exercises, or a repository with one in labs/work [default: the folder of
    /// exercises that contains this one, or labs/work of the lab]
    #[arg(long = "in", value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// A folder of exercises, and the progress in it.
pub(crate) struct Workspace {
    pub(crate) paths: LabPaths,
    pub(crate) folder: PathBuf,
    pub(crate) progress: Progress,
}

impl FolderArgs {
    /// Finds the folder of the work, or creates one.
    pub(crate) fn open(&self) -> anyhow::Result<Workspace> {
        let workspace = self.find()?;
        let folder = &workspace.folder;
        if !folder.is_dir() {
            copy(&workspace.paths.exercises(), folder)?;
            let folder = folder.display();
            remark(format_args!("Your own copy of the exercises is in {folder}\n"));
        }
        Ok(workspace)
    }

    /// Finds the folder of the work, which may not exist yet. Writes nothing.
    pub(crate) fn find(&self) -> anyhow::Result<Workspace> {
        let paths = LabPaths::here()?;
        let folder = match &self.folder {
            Some(folder) if folder.exists() => below(&top(folder)?)?,
            Some(folder) => folder.clone(),
            None => around_here(&paths)?.unwrap_or_else(|| paths.work()),
        };
        Ok(Workspace::at(paths, folder))
    }

    /// Finds the folder to grade: a folder of exercises or a whole repository.
    pub(crate) fn to_grade(&self, paths: &LabPaths) -> anyhow::Result<PathBuf> {
        match &self.folder {
            Some(folder) => {
                let top = top(folder)?;
                ensure_exercises(&top)?;
                Ok(top)
            }
            None => Ok(around_here(paths)?.unwrap_or(paths.repository().to_owned())),
        }
    }
}

/// The folder that a path names, or its parent if the path is an exercise.
fn top(path: &Path) -> anyhow::Result<PathBuf> {
    let path = fs::canonicalize(path)
        .with_context(|| format!("there is no folder {}", path.display()))
        .map_err(usage)?;
    let above = path.parent().filter(|_| path.join(FILE).is_file());
    Ok(above.unwrap_or(&path).to_owned())
}

fn has_exercises(folder: &Path) -> bool {
    ids(folder).is_ok_and(|ids| !ids.is_empty())
}

fn ensure_exercises(top: &Path) -> anyhow::Result<()> {
    let looked = WORK_FOLDERS.map(|place| top.join(place));
    if looked.iter().any(|folder| has_exercises(folder)) {
        return Ok(());
    }
    Err(usage(anyhow!(
        "no exercises in {}, nor below it in any of: {}",
        top.display(),
        WORK_FOLDERS
            .into_iter()
            .filter(|place| !place.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    )))
}

/// The folder of the work below `top`: `top` itself if it has exercises. In a repository it
/// is labs/work, which may not exist yet.
fn below(top: &Path) -> anyhow::Result<PathBuf> {
    ensure_exercises(top)?;
    let places = ["", WORK_FOLDER, "exercises"].map(|place| top.join(place));
    let found = places.into_iter().find(|folder| has_exercises(folder));
    Ok(found.unwrap_or_else(|| top.join(WORK_FOLDER)))
}

/// The folder of exercises around the current folder. The original is not a workspace:
/// `lab reset` and the solution need it unchanged.
fn around_here(paths: &LabPaths) -> anyhow::Result<Option<PathBuf>> {
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let Some(folder) = folder_around(&here) else {
        return Ok(None);
    };
    if !is_same(&folder, &paths.exercises()) {
        return Ok(Some(folder));
    }
    remark(format_args!(
        "note: this folder holds the original exercises. Your copy is {}\n",
        paths.work().display()
    ));
    Ok(None)
}

fn is_same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).ok() == fs::canonicalize(other).ok()
}

impl ExerciseArgs {
    /// Finds the exercise and the folder.
    pub(crate) fn find(&self) -> anyhow::Result<(Workspace, Manifest)> {
        let desk = self.place.open()?;
        let manifest = desk.exercise(self.id.as_deref())?;
        Ok((desk, manifest))
    }
}

impl Workspace {
    /// The workspace in a folder of exercises.
    pub(crate) fn at(paths: LabPaths, folder: PathBuf) -> Self {
        let progress = Progress::read(&folder);
        Self { paths, folder, progress }
    }

    /// The exercise of this name, or the next one.
    pub(crate) fn exercise(&self, id: Option<&str>) -> anyhow::Result<Manifest> {
        if let Some(id) = id {
            return self.paths.manifest(&self.paths.id_of(id).map_err(usage)?);
        }
        match self.next()? {
            Some(next) => Ok(next),
            None => Err(usage(anyhow!(
                "every exercise is solved. Name one to check it again"
            ))),
        }
    }

    /// The first exercise that is not solved.
    pub(crate) fn next(&self) -> anyhow::Result<Option<Manifest>> {
        let all = self.paths.all()?;
        Ok(self.progress.next(&all).cloned())
    }

    /// The assignment of an exercise, with one run of each check.
    pub(crate) fn assignment(&self, manifest: &Manifest) -> anyhow::Result<Assignment> {
        self.fetch(manifest)?;
        assignment(&self.paths, manifest, Some(self.folder.clone()))
    }

    /// Records the progress after a run.
    pub(crate) fn note(&mut self, record: &Record) -> anyhow::Result<()> {
        let wrong = record.checks.iter().find(|check| check.status != Status::Pass);
        let task = wrong.map_or(0, |check| check.task);
        self.progress.change(&record.exercise, |progress| {
            progress.solved |= record.outcome == Outcome::Pass;
            progress.best = progress.best.max(record.points);
            progress.task = task;
        })
    }

    /// Copies an exercise that the folder does not have.
    fn fetch(&self, manifest: &Manifest) -> anyhow::Result<()> {
        let own = exercise_folder(&self.folder, &manifest.id);
        if own.is_dir() || self.is_the_original() {
            return Ok(());
        }
        copy(&self.paths.exercises().join(&manifest.id), &own)
    }

    /// Whether this is the original, which cannot be reset.
    pub(crate) fn is_the_original(&self) -> bool {
        is_same(&self.folder, &self.paths.exercises())
    }

    /// A command for this folder, to be pasted into a shell: `args` and, where it is needed,
    /// `--in`.
    pub(crate) fn command(&self, args: &str) -> String {
        if self.is_found_by_itself() {
            return format!("cargo lab {args}");
        }
        format!("cargo lab {args} --in {}", shell::quoted(&self.folder))
    }

    /// Whether commands find this folder without `--in`.
    fn is_found_by_itself(&self) -> bool {
        let around = std::env::current_dir().ok().and_then(|here| folder_around(&here));
        [around, Some(self.paths.work())]
            .iter()
            .flatten()
            .any(|it| is_same(&self.folder, it))
    }

    /// The path of one of the student's files, relative to the current folder if possible.
    pub(crate) fn path_of(&self, manifest: &Manifest, file: &str) -> String {
        let path = exercise_folder(&self.folder, &manifest.id).join(file);
        let here = std::env::current_dir().unwrap_or_default();
        path.strip_prefix(here).unwrap_or(&path).display().to_string()
    }
}

/// The assignment of an exercise, with one run of each check.
pub(crate) fn assignment(
    paths: &LabPaths,
    manifest: &Manifest,
    work: Option<PathBuf>,
) -> anyhow::Result<Assignment> {
    Ok(Assignment {
        paths: paths.clone(),
        manifest: manifest.clone(),
        suite: checks::suite(&manifest.id)?,
        work,
        sandbox: sandbox()?,
        seed: seed(),
        repeat: 1,
        stops_early: false,
    })
}

/// This program as a sandbox.
pub(crate) fn sandbox() -> anyhow::Result<Program> {
    let path = std::env::current_exe().context("cannot find this program")?;
    Ok(Program { path, prefix: vec!["sandbox".into()] })
}

/// A random seed, short enough to type.
pub(crate) fn seed() -> u64 {
    rand::rng().random_range(1..100_000)
}

/// Copies a folder of exercises without build output and progress.
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

/// Whether the current folder has exercises or is one.
pub(crate) fn is_in_exercises() -> bool {
    std::env::current_dir().is_ok_and(|here| folder_around(&here).is_some())
}
