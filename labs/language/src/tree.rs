//! The files of the tree: all that git would track, without the exempt ones.

use crate::rules::Rules;
use anyhow::Context;
use ignore::WalkBuilder;
use std::fs;
use std::path::Path;

/// One text file.
pub(crate) struct SourceFile {
    /// Path from the top of the tree, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    pub(crate) fn extension(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

/// Reads every text file below `top` in the order of their paths. Files that `.gitignore`
/// names, files without UTF-8 text and the files of `rules.exempt` are left out.
///
/// # Errors
/// A folder or a file that cannot be read.
pub(crate) fn files(top: &Path, rules: &Rules) -> anyhow::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let walk = WalkBuilder::new(top)
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| {
            entry.file_name() != ".git" && entry.file_name() != "target"
        })
        .build();
    for entry in walk {
        let entry = entry.context("a folder of the tree cannot be read")?;
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path().strip_prefix(top).unwrap_or(entry.path());
        let path = path.to_string_lossy().replace('\\', "/");
        if rules.is_exempt(&path) {
            continue;
        }
        let bytes =
            fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(SourceFile { path, text });
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}
