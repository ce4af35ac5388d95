//! An exercise with somebody's files laid over it, in a folder of its own.

use crate::home::Home;
use crate::manifest::Manifest;
use anyhow::Context;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// What is not part of the work.
const ABOUT: [&str; 2] = ["mistake.toml", "transcript.txt"];

/// A folder of exercises with one exercise in it. Dropped, it is removed.
pub(super) struct Overlay {
    folder: TempDir,
    id: String,
}

impl Overlay {
    pub(super) fn new(home: &Home, manifest: &Manifest) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder")?;
        let overlay = Self { folder, id: manifest.id.clone() };
        copy(
            &home.exercises().join(&manifest.id),
            &overlay.folder.path().join(&overlay.id),
        )?;
        Ok(overlay)
    }

    /// Lays all files of `over` over the exercise.
    pub(super) fn lay(&self, over: &Path) -> anyhow::Result<()> {
        copy(over, &self.folder.path().join(&self.id))
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Copies a folder over another, without what is only about the work.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    let entries = fs::read_dir(from).with_context(|| format!("{}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if ABOUT.iter().any(|about| *about == name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
