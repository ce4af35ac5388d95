//! A copy of an exercise with the student's files replaced, in a temporary folder.

use super::patch::Sources;
use crate::manifest::Manifest;
use crate::paths::LabPaths;
use crate::source_text::with_line_feeds;
use anyhow::Context;
use process::RunDir;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of exercises with one exercise in it. It is removed when dropped.
pub(super) struct Overlay {
    folder: RunDir,
    id: String,
}

impl Overlay {
    pub(super) fn new(paths: &LabPaths, manifest: &Manifest) -> anyhow::Result<Self> {
        let folder = RunDir::create()?;
        let overlay = Self { folder, id: manifest.id.clone() };
        copy(&paths.exercises().join(&manifest.id), &overlay.exercise())?;
        Ok(overlay)
    }

    /// The folder of the exercise.
    pub(super) fn exercise(&self) -> PathBuf {
        self.folder.path().join(&self.id)
    }

    /// The folder of exercises.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Copies all files of a folder over those of another.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    let entries = fs::read_dir(from).with_context(|| format!("{}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// The Rust sources in a folder, by their path in it.
pub(super) fn sources(folder: &Path) -> anyhow::Result<Sources> {
    let mut sources = Sources::new();
    read_sources(folder, "", &mut sources)
        .with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(sources)
}

fn read_sources(
    folder: &Path,
    prefix: &str,
    sources: &mut Sources,
) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder.join(prefix))? {
        let entry = entry?;
        let name = entry.file_name();
        let path = format!("{prefix}{}", name.to_string_lossy());
        if entry.file_type()?.is_dir() {
            read_sources(folder, &format!("{path}/"), sources)?;
        } else if path.ends_with(".rs") {
            sources.insert(path, with_line_feeds(&fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}
