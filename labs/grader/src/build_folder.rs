//! The build folder: the repository's copy of an exercise with the student's editable
//! files in it. Other changed files are listed and not used.

use crate::manifest::Manifest;
use crate::paths::LabPaths;
use crate::renamed::exercise_folder;
use anyhow::Context;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Maximum size of a source file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Files that all exercises share, apart from the lock file, which cargo changes.
const SHARED: [&str; 2] = ["Cargo.toml", "support"];

const LOCK_FILE: &str = "Cargo.lock";

/// The lock file as it was when the build folder was prepared.
const ORIGINAL_LOCK: &str = ".lock-original";

/// A folder of exercises with one exercise in it, ready to be built.
#[derive(Debug)]
pub(crate) struct BuildFolder {
    /// The workspace.
    pub(crate) folder: PathBuf,
    /// Non-editable files that differed from the original.
    pub(crate) restored: Vec<String>,
    /// Editable files that are missing.
    pub(crate) missing: Vec<String>,
}

/// A lock that is held until a program is built. Cargo runs one build at a time in a
/// target folder, and a build that waited inside cargo would lose its own time.
#[derive(Debug)]
pub(crate) struct BuildLock {
    _lock: File,
}

impl BuildLock {
    /// Waits until no other build is running. Blocks the thread.
    pub(crate) fn take(paths: &LabPaths) -> anyhow::Result<Self> {
        fs::create_dir_all(paths.target()).context("cannot create the build folder")?;
        let lock = File::create(paths.target().join("build.lock"))?;
        lock.lock().context("cannot lock the build folder")?;
        Ok(Self { _lock: lock })
    }
}

/// Files of a folder: relative path and content.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

impl BuildFolder {
    /// Prepares the build folder of an exercise with the editable files of `work`, a
    /// folder of exercises, if there is one.
    pub(crate) fn prepare(
        paths: &LabPaths,
        manifest: &Manifest,
        work: Option<&Path>,
        _lock: &BuildLock,
    ) -> anyhow::Result<Self> {
        let folder = paths.target().join("sources").join(&manifest.id);
        fs::create_dir_all(&folder).context("cannot create the build folder")?;
        let mut files = original_files(paths, manifest)?;
        let (submitted, shared) = match work {
            Some(work) => {
                (of_exercise(&exercise_folder(work, &manifest.id))?, shared_files(work)?)
            }
            None => <(Files, Files)>::default(),
        };
        let mut restored = changed(&files, &submitted, manifest);
        restored.extend(changed_shared(&files, &shared));
        let mut missing = Vec::new();
        for file in manifest.editable.iter().filter(|file| !file.ends_with('/')) {
            if !submitted.contains_key(file) {
                missing.push(file.clone());
            }
        }
        let inside = |file: &str| format!("{}/{file}", manifest.id);
        files.retain(|file, _| {
            let file = file.strip_prefix(&inside("")).unwrap_or_default();
            !manifest.is_editable(file)
        });
        for (file, text) in submitted {
            if manifest.is_editable(&file) {
                files.insert(inside(&file), text);
            }
        }
        write(&folder, &files)?;
        Ok(Self { folder, restored, missing })
    }
}

/// The original exercise and the shared files.
fn original_files(paths: &LabPaths, manifest: &Manifest) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for part in [LOCK_FILE, &manifest.id].iter().chain(&SHARED) {
        read_into(&paths.exercises(), part, &mut files)?;
    }
    Ok(files)
}

/// The shared files in a submitted folder of exercises.
fn shared_files(work: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for part in SHARED.iter().filter(|part| work.join(part).exists()) {
        read_into(work, part, &mut files)?;
    }
    Ok(files)
}

/// A hash of all dependencies of the exercise.
pub(crate) fn dependencies_hash(
    paths: &LabPaths,
    manifest: &Manifest,
) -> anyhow::Result<String> {
    let sources = format!("{}/src/", manifest.id);
    let mut hasher = DefaultHasher::new();
    original_files(paths, manifest)?
        .iter()
        .filter(|(file, _)| !file.starts_with(&sources))
        .for_each(|file| file.hash(&mut hasher));
    Ok(format!("{:016x}", hasher.finish()))
}

/// The files in a submitted folder of an exercise; empty if it does not exist.
pub(crate) fn of_exercise(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if let Some(name) = entry.file_name().to_str() {
            read_into(folder, name, &mut files)?;
        }
    }
    Ok(files)
}

/// Reads a file, or all files of a folder. Symbolic links are not followed, because they
/// could lead to a private file of the grading user.
fn read_into(top: &Path, name: &str, files: &mut Files) -> anyhow::Result<()> {
    let path = top.join(name);
    let what = fs::symlink_metadata(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let last = path.file_name().and_then(|last| last.to_str()).unwrap_or_default();
    if last.starts_with('.') || last == "target" {
        return Ok(());
    }
    if what.is_dir() {
        for entry in fs::read_dir(&path)?.flatten() {
            if let Some(inner) = entry.file_name().to_str() {
                read_into(top, &format!("{name}/{inner}"), files)?;
            }
        }
    } else if what.is_file() {
        let mut text = Vec::new();
        File::open(&path)?.take(MAX_FILE_BYTES).read_to_end(&mut text)?;
        files.insert(name.to_owned(), text);
    }
    Ok(())
}

/// Non-editable files of the exercise that were changed or removed.
fn changed(
    original_files: &Files,
    submitted: &Files,
    manifest: &Manifest,
) -> Vec<String> {
    if submitted.is_empty() {
        return Vec::new();
    }
    let prefix = format!("{}/", manifest.id);
    let protected = original_files.iter().filter_map(|(file, text)| {
        let file = file.strip_prefix(&prefix)?;
        (!manifest.is_editable(file)).then_some((file, text))
    });
    let same =
        |file: &str, text: &[u8]| submitted.get(file).is_some_and(|its| its == text);
    let changed = protected.filter(|(file, text)| !same(file, text));
    changed.map(|(file, _)| file.to_owned()).collect()
}

/// Shared files that were changed or removed, as paths relative to the exercise. A
/// submission of a single exercise contains no shared files, and none counts as removed.
fn changed_shared(original_files: &Files, submitted: &Files) -> Vec<String> {
    let there = |part: &str| {
        let inside = format!("{part}/");
        submitted.keys().any(|file| file == part || file.starts_with(&inside))
    };
    let is_shared = |file: &str| {
        SHARED.iter().any(|part| {
            let is_of_it = file == *part || file.starts_with(&format!("{part}/"));
            is_of_it && there(part)
        })
    };
    let shared = original_files.iter().filter(|(file, _)| is_shared(file));
    let changed = shared.filter(|(file, text)| submitted.get(*file) != Some(text));
    changed.map(|(file, _)| format!("../{file}")).collect()
}

/// Makes the folder contain exactly these files. Unchanged files are not written, because
/// cargo detects changes by modification time.
fn write(folder: &Path, files: &Files) -> anyhow::Result<()> {
    let mut present = Files::new();
    for entry in fs::read_dir(folder)?.flatten() {
        if let Some(name) = entry.file_name().to_str() {
            read_into(folder, name, &mut present)?;
        }
    }
    for old in present.keys().filter(|old| !files.contains_key(*old)) {
        fs::remove_file(folder.join(old))?;
    }
    // Cargo shortens the lock file to the packages that this exercise needs.
    let original_lock = fs::read(folder.join(ORIGINAL_LOCK)).ok();
    let lock_is_current =
        present.contains_key(LOCK_FILE) && original_lock.as_ref() == files.get(LOCK_FILE);
    for (file, text) in files {
        if file == LOCK_FILE && !lock_is_current {
            fs::write(folder.join(ORIGINAL_LOCK), text)
                .context("cannot write the lock file")?;
        }
        let written = file == LOCK_FILE && lock_is_current;
        if written || present.get(file) == Some(text) {
            continue;
        }
        let path = folder.join(file);
        fs::create_dir_all(path.parent().context("a file has a parent folder")?)?;
        fs::write(&path, text)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A copy of the test exercise that can be changed.
    fn paths() -> (TempDir, LabPaths, Manifest) {
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/grader/fixture");
        let mut files = Files::new();
        read_into(&from, "exercises", &mut files).unwrap();
        for (file, text) in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let paths = LabPaths::at(folder.path(), &folder.path().join("target")).unwrap();
        let manifest = paths.manifest("x-01-double").unwrap();
        (folder, paths, manifest)
    }

    #[test]
    fn lock_file_is_replaced_only_when_the_original_changes() {
        let (_folder, paths, manifest) = paths();
        let build_lock = BuildLock::take(&paths).unwrap();
        let prepare =
            || BuildFolder::prepare(&paths, &manifest, None, &build_lock).unwrap().folder;
        let laid = prepare().join(LOCK_FILE);
        fs::write(&laid, "# as cargo shortened it\n").unwrap();
        prepare();
        assert_eq!(fs::read_to_string(&laid).unwrap(), "# as cargo shortened it\n");
        fs::write(paths.exercises().join(LOCK_FILE), "# a newer one\n").unwrap();
        prepare();
        assert_eq!(fs::read_to_string(&laid).unwrap(), "# a newer one\n");
    }
}
