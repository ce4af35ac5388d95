//! Work in a place that is not graded. It is reported, because the student believes that it
//! was handed in.

use super::folders::{WORK_FOLDERS, named, texts};
use crate::manifest::{FILE, Manifest};
use crate::paths::LabPaths;
use crate::renamed::current_id;
use crate::source_text::is_same_text;
use crate::submission::{Files, MAX_FILE_BYTES};
use crate::transcript::one_line;
use crate::untrusted_file;
use std::fs;
use std::path::{Path, PathBuf};

/// Maximum depth of a folder that is searched, such as that of an unpacked archive.
const MAX_DEPTH: usize = 6;

/// Maximum number of folders that are searched.
const MAX_FOLDERS: usize = 5000;

/// A remark about a changed copy of the exercise in another folder, or under another name.
pub(super) fn exercise(
    top: &Path,
    manifest: &Manifest,
    original: &Files,
) -> Option<String> {
    let is_ungraded_copy =
        |folder: &PathBuf| is_copy(folder, manifest) && !is_graded(top, folder, manifest);
    let copies = folders_below(top).into_iter().filter(is_ungraded_copy);
    let mut changed = copies.filter(|copy| texts(copy, manifest) != *original);
    changed.next().map(|folder| remark(top, &folder, manifest))
}

/// A remark about a changed file of the exercise without the rest of it.
pub(super) fn file(top: &Path, paths: &LabPaths, manifest: &Manifest) -> Option<String> {
    let original = paths.exercises().join(&manifest.id);
    let ids = crate::paths::ids(&paths.exercises()).unwrap_or_default();
    let is_of_another = |folder: &Path| {
        let inside = folder.strip_prefix(top).unwrap_or(folder);
        inside.iter().filter_map(|part| part.to_str()).any(|part| {
            part == "solutions" || ids.iter().any(|id| id == current_id(part))
        })
    };
    let mut folders = folders_below(top);
    folders.retain(|folder| !is_of_another(folder));
    let names = manifest.editable.iter().filter(|file| !file.ends_with('/'));
    names.flat_map(|file| folders.iter().map(move |folder| (file, folder))).find_map(
        |(file, folder)| {
            let found = folder.join(Path::new(file).file_name()?);
            let text = untrusted_file::read(&found, MAX_FILE_BYTES).ok()?;
            let its = fs::read(original.join(file)).ok()?;
            let changed = !is_same_text(&text, &its);
            changed.then(|| remark(top, &found, manifest))
        },
    )
}

fn remark(top: &Path, found: &Path, manifest: &Manifest) -> String {
    let place = found.strip_prefix(top).unwrap_or(found).display().to_string();
    let (place, places) = (one_line(&place), WORK_FOLDERS.map(named).join(", "));
    let id = &manifest.id;
    format!("{place} was not graded. Work must be in a folder {id} in one of: {places}")
}

/// Whether a folder is a copy of the exercise. It may have another name.
fn is_copy(folder: &Path, manifest: &Manifest) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let text = untrusted_file::read(&folder.join(FILE), MAX_FILE_BYTES);
    let Ok(text) = text.map(|text| String::from_utf8_lossy(&text).into_owned()) else {
        return false;
    };
    let id = format!("id = \"{}\"", manifest.id);
    current_id(name) == manifest.id || text.lines().any(|line| line.trim() == id)
}

/// Whether an exercise's folder is one that is graded.
fn is_graded(top: &Path, exercise: &Path, manifest: &Manifest) -> bool {
    let name = exercise.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let parent = exercise.parent().unwrap_or(exercise);
    let is_parent = |place: &&str| top.join(place).components().eq(parent.components());
    current_id(name) == manifest.id && WORK_FOLDERS.iter().any(is_parent)
}

/// A folder and all folders below it that may contain work. Links are not followed.
fn folders_below(top: &Path) -> Vec<PathBuf> {
    let mut found = vec![top.to_owned()];
    let (mut begin, mut depth) = (0, 0);
    while begin < found.len() && depth < MAX_DEPTH && found.len() < MAX_FOLDERS {
        let inner: Vec<_> = found[begin..].iter().flat_map(|it| folders_in(it)).collect();
        begin = found.len();
        found.extend(inner);
        depth += 1;
    }
    found.truncate(MAX_FOLDERS);
    found
}

fn folders_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let is_searched = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.');
        let built = name == "target" || name == "node_modules";
        !hidden && !built && entry.file_type().is_ok_and(|what| what.is_dir())
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(is_searched).map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work_location::find;
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    #[test]
    fn pipe_outside_the_exercise_is_not_read() {
        let top = tempfile::tempdir().unwrap();
        let paths = LabPaths::here().unwrap();
        let manifest = paths.manifest(&paths.id_of("p1-01").unwrap()).unwrap();
        let editable = Path::new(&manifest.editable[0]).file_name().unwrap();
        for pipe in [top.path().join(editable), top.path().join(FILE)] {
            mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        }
        let found = find(top.path(), &paths, &manifest);
        assert!(found.work.is_none() && found.remarks.is_empty(), "{found:?}");
    }
}
