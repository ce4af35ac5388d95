//! Finds the work on an exercise. The commands, class grading and CI search the same
//! folders in the same order.

mod folders;
mod misplaced;

use crate::manifest::Manifest;
use crate::paths::LabPaths;
use crate::renamed::exercise_folder;
use crate::submission::Files;
pub use folders::WORK_FOLDERS;
use folders::{named, texts};
use std::fs;
use std::path::{Path, PathBuf};

/// Location of the work on one exercise.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The folder of exercises that contains it; `None` if there is no submission.
    pub work: Option<PathBuf>,
    /// The matching entry of [`WORK_FOLDERS`].
    pub place: &'static str,
    /// Whether only the unchanged exercise was found.
    pub untouched: bool,
    /// Remarks for the report.
    pub remarks: Vec<String>,
}

struct Candidate {
    place: &'static str,
    work: PathBuf,
    /// The student's files.
    files: Files,
}

/// Searches the work on an exercise below `top`, a repository or a folder of exercises.
/// An unchanged copy of the exercise is used only if there is no changed one. Symbolic
/// links are not followed, because they could lead to another student's work.
#[must_use]
pub fn find(top: &Path, paths: &LabPaths, manifest: &Manifest) -> Found {
    let (mut candidates, mut remarks) = (Vec::new(), Vec::new());
    for place in WORK_FOLDERS {
        let folder = exercise_folder(&top.join(place), &manifest.id);
        let folder = folder.strip_prefix(top).unwrap_or(&folder);
        match link_on_the_way(top, folder) {
            Some(link) if remarks.contains(&not_followed(&link)) => {}
            Some(link) => remarks.push(not_followed(&link)),
            None => candidates.extend(candidate(top, place, manifest)),
        }
    }
    let original = own_files(&paths.exercises(), manifest);
    let is_work = |one: &&Candidate| one.files != original;
    let untouched = !candidates.iter().any(|one| is_work(&one));
    let Some(chosen) = candidates.iter().find(is_work).or(candidates.first()) else {
        let elsewhere = misplaced::exercise(top, manifest, &original)
            .or_else(|| misplaced::file(top, paths, manifest));
        remarks.extend(elsewhere);
        return Found { remarks, ..Found::default() };
    };
    if untouched {
        remarks.push(format!("{} contains the unchanged exercise", named(chosen.place)));
        remarks.extend(misplaced::exercise(top, manifest, &original));
    }
    for other in candidates.iter().filter(is_work) {
        if other.place != chosen.place && other.files != chosen.files {
            remarks.push(format!(
                "TWO FOLDERS CONTAIN DIFFERENT WORK: {} was graded, {} was not",
                named(chosen.place),
                named(other.place)
            ));
        }
    }
    Found { work: Some(chosen.work.clone()), place: chosen.place, untouched, remarks }
}

/// The remark about a symbolic link.
pub(crate) fn not_followed(link: &str) -> String {
    format!("{link} is a symbolic link and was not followed")
}

fn candidate(top: &Path, place: &'static str, manifest: &Manifest) -> Option<Candidate> {
    let work = top.join(place);
    let files = own_files(&work, manifest);
    exercise_folder(&work, &manifest.id).is_dir().then_some(Candidate {
        place,
        work,
        files,
    })
}

/// The texts of the editable files of an exercise in a folder of exercises.
fn own_files(folder: &Path, manifest: &Manifest) -> Files {
    texts(&exercise_folder(folder, &manifest.id), manifest)
}

/// The first component of a path below `top` that is a symbolic link.
fn link_on_the_way(top: &Path, path: &Path) -> Option<String> {
    let mut way = PathBuf::new();
    path.components().find_map(|part| {
        way.push(part);
        let is_link = fs::symlink_metadata(top.join(&way)).ok()?.is_symlink();
        is_link.then(|| way.display().to_string())
    })
}
