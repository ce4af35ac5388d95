//! Exercises whose id has changed. Work, submissions and progress are also found under the
//! former id.

use std::path::{Path, PathBuf};

/// Former ids, each with the current one.
const RENAMED: [(&str, &str); 1] =
    [("p1-02-proof-on-every-request", "p1-02-credential-on-every-request")];

/// The current id of an exercise, from its current or former id.
#[must_use]
pub fn current_id(id: &str) -> &str {
    RENAMED.iter().find(|(former, _)| *former == id).map_or(id, |(_, current)| current)
}

/// Whether an exercise had an id that begins with this text.
pub(crate) fn had_id(id: &str, beginning: &str) -> bool {
    former_ids(id).any(|former| former.starts_with(beginning))
}

/// The folder of an exercise in a folder of exercises. It is named after the former id if
/// only that folder exists.
#[must_use]
pub fn exercise_folder(exercises: &Path, id: &str) -> PathBuf {
    let current = exercises.join(id);
    if current.exists() {
        return current;
    }
    let mut former = former_ids(id).map(|former| exercises.join(former));
    former.find(|folder| folder.exists()).unwrap_or(current)
}

fn former_ids(id: &str) -> impl Iterator<Item = &'static str> {
    RENAMED.iter().filter(move |(_, current)| *current == id).map(|(former, _)| *former)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::LabPaths;
    use crate::work_location::find;
    use std::fs;

    const FORMER: &str = "p1-02-proof-on-every-request";

    #[test]
    fn exercise_is_found_by_its_former_id() {
        let paths = LabPaths::here().unwrap();
        let id = paths.id_of(FORMER).unwrap();
        assert_eq!(id, current_id(FORMER));
        assert_eq!(paths.id_of("p1-02-pro").unwrap(), id);
        assert_eq!(paths.id_of("p1-02").unwrap(), id);
    }

    #[test]
    fn work_in_a_folder_with_the_former_id_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("labs/work");
        let paths = LabPaths::here().unwrap();
        let manifest = paths.manifest(current_id(FORMER)).unwrap();
        assert_eq!(exercise_folder(&work, &manifest.id), work.join(&manifest.id));
        fs::create_dir_all(work.join(FORMER).join("src")).unwrap();
        fs::write(work.join(FORMER).join("src/token.rs"), "// changed").unwrap();
        assert_eq!(exercise_folder(&work, &manifest.id), work.join(FORMER));
        assert_eq!(find(folder.path(), &paths, &manifest).work, Some(work.clone()));
        fs::create_dir(work.join(&manifest.id)).unwrap();
        assert_eq!(exercise_folder(&work, &manifest.id), work.join(&manifest.id));
    }
}
