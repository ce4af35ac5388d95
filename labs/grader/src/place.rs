//! Where somebody's work on an exercise lies. The commands, a class and CI look in the same
//! places, in the same order.

use crate::home::Home;
use crate::manifest::Manifest;
use crate::scratch::{Files, of_exercise};
use std::fs;
use std::path::{Path, PathBuf};

/// The place in a repository of the lab, or in one that began as a copy of it. The
/// commands work there.
pub const WORK: &str = "labs/work";

/// Where work may lie below what is handed in, the best first. The last holds what was
/// handed out: it counts for whoever worked there all the same.
pub const PLACES: [&str; 4] = [WORK, "", "exercises", "labs/exercises"];

/// Where the work on one exercise was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The folder of exercises that holds it; nothing if nothing was handed in.
    pub work: Option<PathBuf>,
    /// Which of [`PLACES`] that is.
    pub place: &'static str,
    /// What whoever reads the result has to know about it.
    pub remarks: Vec<String>,
}

struct Candidate {
    place: &'static str,
    work: PathBuf,
    /// The reader's files; nothing if they cannot be read, which grading will say.
    files: Option<Files>,
}

/// Looks for the work on an exercise below `top`: a repository, or a folder of exercises.
/// What is as it was handed out is no work as long as there is any. Links are not
/// followed: one could lead to the work of somebody else.
#[must_use]
pub fn find(top: &Path, home: &Home, manifest: &Manifest) -> Found {
    let (mut candidates, mut remarks) = (Vec::new(), Vec::new());
    for place in PLACES {
        match link_on_the_way(top, &Path::new(place).join(&manifest.id)) {
            Some(link) if remarks.contains(&not_followed(&link)) => {}
            Some(link) => remarks.push(not_followed(&link)),
            None => candidates.extend(candidate(top, place, manifest)),
        }
    }
    let original = own_files(&home.exercises(), manifest);
    let is_work = |one: &&Candidate| one.files.is_none() || one.files != original;
    let Some(chosen) = candidates.iter().find(is_work).or(candidates.first()) else {
        return Found { remarks, ..Found::default() };
    };
    if !is_work(&chosen) {
        remarks.push(format!(
            "{} is as it was handed out: nothing was changed there",
            named(chosen.place)
        ));
    }
    for other in candidates.iter().filter(is_work) {
        if other.place != chosen.place && other.files != chosen.files {
            remarks.push(format!(
                "TWO PLACES HOLD DIFFERENT WORK: {} was graded, {} was not",
                named(chosen.place),
                named(other.place)
            ));
        }
    }
    Found { work: Some(chosen.work.clone()), place: chosen.place, remarks }
}

/// A remark on a link.
pub(crate) fn not_followed(link: &str) -> String {
    format!("{link} is a link, which is not followed")
}

fn candidate(top: &Path, place: &'static str, manifest: &Manifest) -> Option<Candidate> {
    let work = top.join(place);
    let files = own_files(&work, manifest);
    work.join(&manifest.id).is_dir().then_some(Candidate { place, work, files })
}

/// The reader's files of an exercise in a folder of exercises.
fn own_files(folder: &Path, manifest: &Manifest) -> Option<Files> {
    let mut files = of_exercise(&folder.join(&manifest.id)).ok()?;
    files.retain(|file, _| manifest.is_editable(file));
    Some(files)
}

/// The first part of a path below `top` that is a link.
fn link_on_the_way(top: &Path, path: &Path) -> Option<String> {
    let mut way = PathBuf::new();
    path.components().find_map(|part| {
        way.push(part);
        let is_link = fs::symlink_metadata(top.join(&way)).ok()?.is_symlink();
        is_link.then(|| way.display().to_string())
    })
}

fn named(place: &str) -> &str {
    if place.is_empty() { "the folder itself" } else { place }
}
