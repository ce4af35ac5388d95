//! An exercise with other files copied over it, in a temporary folder.

use crate::home::Home;
use crate::manifest::Manifest;
use anyhow::Context;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Files that describe a wrong answer and are not part of it.
const METADATA_FILES: [&str; 2] = ["mistake.toml", "transcript.txt"];

/// A temporary folder of exercises with one exercise in it. It is removed on drop.
pub(super) struct Overlay {
    folder: TempDir,
    id: String,
}

impl Overlay {
    pub(super) fn new(home: &Home, manifest: &Manifest) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
        let overlay = Self { folder, id: manifest.id.clone() };
        copy(
            &home.exercises().join(&manifest.id),
            &overlay.folder.path().join(&overlay.id),
        )?;
        Ok(overlay)
    }

    /// Copies all files of `over` over the exercise.
    pub(super) fn apply(&self, over: &Path) -> anyhow::Result<()> {
        copy(over, &self.folder.path().join(&self.id))
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Copies a folder over another, without the [`METADATA_FILES`].
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    let entries = fs::read_dir(from).with_context(|| format!("{}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if METADATA_FILES.iter().any(|about| *about == name) {
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
