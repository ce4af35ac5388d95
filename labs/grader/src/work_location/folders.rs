//! The folders that may contain work, and the student's files in one of them.

use crate::manifest::Manifest;
use crate::paths::WORK_FOLDER;
use crate::submission::{Files, Submission};
use std::path::Path;

/// Folders below a submission that may contain work, in order of preference. The last
/// contains the original exercises; changes in it count as work.
pub const WORK_FOLDERS: [&str; 4] = [WORK_FOLDER, "", "exercises", "labs/exercises"];

/// The texts of the editable files of an exercise.
pub(super) fn texts(exercise: &Path, manifest: &Manifest) -> Files {
    let is_own = |file: &str| manifest.is_editable(file);
    let wanted = manifest.editable.iter().map(String::as_str);
    let mut texts = Submission::read(exercise, wanted, is_own).texts();
    texts.retain(|file, _| {
        is_own(file) || manifest.editable.iter().any(|own| own.starts_with(file.as_str()))
    });
    texts
}

/// A folder of [`WORK_FOLDERS`], for a message.
pub(super) fn named(place: &str) -> &str {
    if place.is_empty() { "the folder itself" } else { place }
}
