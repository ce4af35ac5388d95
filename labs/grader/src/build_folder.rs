//! The build folder: the repository's copy of an exercise with the student's editable
//! files in it. Other changed files are listed and not used.

use crate::manifest::Manifest;
use crate::paths::LabPaths;
use crate::renamed::exercise_folder;
use crate::source_text::is_same_text;
use crate::submission::{Files, MAX_ENTRIES, MAX_FILE_BYTES, Submission};
use crate::untrusted_file;
use anyhow::Context;
use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Interval between two attempts to take the build lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// Files that all exercises share, apart from the lock file, which cargo changes.
const SHARED: [&str; 2] = ["Cargo.toml", "support"];

const LOCK_FILE: &str = "Cargo.lock";

/// The lock file as it was when the build folder was prepared.
const ORIGINAL_LOCK: &str = ".lock-original";

/// Maximum number of unused files that a remark names.
const MAX_NAMED: usize = 10;

/// A folder of exercises with one exercise in it, ready to be built.
#[derive(Debug)]
pub(crate) struct BuildFolder {
    /// The workspace.
    pub(crate) folder: PathBuf,
    /// What was submitted and is not in it.
    pub(crate) differences: Differences,
}

/// What is not graded of a submission.
#[derive(Debug)]
pub(crate) struct Differences {
    /// Non-editable files that differed from the original.
    pub(crate) restored: Vec<String>,
    /// Editable files that are missing or cannot be used, each with the reason.
    pub(crate) missing: Vec<String>,
    /// Source files that are not part of the exercise.
    unused: Vec<String>,
    /// Whether the exercise has more entries than are read.
    is_cut: bool,
}

/// A lock that is held until a program is built. Cargo runs one build at a time in a
/// target folder, and a build that waited inside cargo would lose its own time.
#[derive(Debug)]
pub(crate) struct BuildLock {
    _lock: File,
}

impl BuildLock {
    /// Waits until no other build is running. It asks again and again, because a thread that
    /// waits for a file lock cannot be interrupted.
    pub(crate) async fn take(paths: &LabPaths) -> anyhow::Result<Self> {
        fs::create_dir_all(paths.target()).context("cannot create the build folder")?;
        let lock = untrusted_file::create(&paths.target().join("build.lock"))
            .context("cannot open build.lock in the build folder")?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { _lock: lock }),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_INTERVAL).await,
                Err(TryLockError::Error(error)) => {
                    return Err(error).context("cannot lock the build folder");
                }
            }
        }
    }
}

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
        let mut files = original_files(paths, manifest);
        let submitted = submission(manifest, work, &files);
        let differences = Differences::between(manifest, &files, work, &submitted);
        let prefix = format!("{}/", manifest.id);
        files.retain(|file, _| {
            let file = file.strip_prefix(&prefix).unwrap_or_default();
            !manifest.is_editable(file)
        });
        for (file, text) in submitted.files {
            if manifest.is_editable(&file) {
                files.insert(format!("{prefix}{file}"), text);
            }
        }
        write(&folder, &files)?;
        Ok(Self { folder, differences })
    }
}

impl Differences {
    /// What is not graded of the work in a folder of exercises.
    pub(crate) fn of(paths: &LabPaths, manifest: &Manifest, work: Option<&Path>) -> Self {
        let files = original_files(paths, manifest);
        let submitted = submission(manifest, work, &files);
        Self::between(manifest, &files, work, &submitted)
    }

    fn between(
        manifest: &Manifest,
        original_files: &Files,
        work: Option<&Path>,
        submitted: &Submission,
    ) -> Self {
        let shared = work.map(|work| shared_files(work, original_files));
        let mut restored = changed(original_files, submitted, manifest);
        restored.extend(changed_shared(original_files, &shared.unwrap_or_default()));
        let wanted = manifest.editable.iter().filter(|file| !file.ends_with('/'));
        let missing = submitted.missing(wanted.map(String::as_str));
        let unused = submitted.unused_sources(manifest);
        Self { restored, missing, unused, is_cut: submitted.is_cut }
    }

    /// The remarks about files that are not graded.
    pub(crate) fn remarks(&self, manifest: &Manifest) -> Vec<String> {
        let cut = format!(
            "the exercise contains more than {MAX_ENTRIES} other files and folders, and \
             the rest is not listed. Are they dependencies?"
        );
        let cut = self.is_cut.then_some(cut);
        self.unused_remark(manifest).into_iter().chain(cut).collect()
    }

    fn unused_remark(&self, manifest: &Manifest) -> Option<String> {
        let count = self.unused.len();
        let named = self.unused[..count.min(MAX_NAMED)].join(", ");
        let more = count.saturating_sub(MAX_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let graded = manifest.editable.join(", ");
        (count > 0).then(|| format!("not used: {named}{more}. Only {graded} is graded"))
    }
}

/// The submitted files of an exercise; empty if there is no work.
fn submission(
    manifest: &Manifest,
    work: Option<&Path>,
    original_files: &Files,
) -> Submission {
    let prefix = format!("{}/", manifest.id);
    let originals = original_files.keys().filter_map(|file| file.strip_prefix(&prefix));
    let wanted = manifest.editable.iter().map(String::as_str).chain(originals);
    let is_original =
        |file: &str| original_files.contains_key(&format!("{prefix}{file}"));
    let matters = |file: &str| manifest.is_editable(file) || is_original(file);
    let folder = work.map(|work| exercise_folder(work, &manifest.id));
    folder.map(|folder| Submission::read(&folder, wanted, matters)).unwrap_or_default()
}

/// The original exercise and the shared files.
fn original_files(paths: &LabPaths, manifest: &Manifest) -> Files {
    let mut files = Files::new();
    for part in [LOCK_FILE, &manifest.id].iter().chain(&SHARED) {
        read_into(&paths.exercises(), part, &mut files);
    }
    files
}

/// The shared files in a submitted folder of exercises.
fn shared_files(work: &Path, original_files: &Files) -> Files {
    let is_shared = |file: &str| {
        SHARED.iter().any(|part| is_in(file, part)) && original_files.contains_key(file)
    };
    let shared = original_files.keys().map(String::as_str).filter(|file| is_shared(file));
    Submission::read(work, shared, is_shared).files
}

/// Whether a path is this part or in it.
fn is_in(file: &str, part: &str) -> bool {
    file.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A hash of all dependencies of the exercise.
pub(crate) fn dependencies_hash(paths: &LabPaths, manifest: &Manifest) -> String {
    let sources = format!("{}/src/", manifest.id);
    let mut hasher = DefaultHasher::new();
    original_files(paths, manifest)
        .iter()
        .filter(|(file, _)| !file.starts_with(&sources))
        .for_each(|file| file.hash(&mut hasher));
    format!("{:016x}", hasher.finish())
}

/// Reads a file, or all files of a folder, of the repository.
fn read_into(top: &Path, name: &str, files: &mut Files) {
    let path = top.join(name);
    if path.is_file() {
        files.extend(fs::read(&path).ok().map(|text| (name.to_owned(), text)));
        return;
    }
    let all = Submission::read_all(&path).files;
    files.extend(all.into_iter().map(|(file, text)| (format!("{name}/{file}"), text)));
}

/// Non-editable files of the exercise that were changed or removed.
fn changed(
    original_files: &Files,
    submitted: &Submission,
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
    let same = |file: &str, text: &[u8]| {
        submitted.files.get(file).is_some_and(|its| is_same_text(its, text))
    };
    let changed = protected.filter(|(file, text)| !same(file, text));
    changed.map(|(file, _)| file.to_owned()).collect()
}

/// Shared files that were changed or removed, as paths relative to the exercise. A
/// submission of a single exercise contains no shared files, and none counts as removed.
fn changed_shared(original_files: &Files, submitted: &Files) -> Vec<String> {
    let there = |part: &str| submitted.keys().any(|file| is_in(file, part));
    let is_shared =
        |file: &str| SHARED.iter().any(|part| is_in(file, part) && there(part));
    let same = |file: &str, text: &[u8]| {
        submitted.get(file).is_some_and(|its| is_same_text(its, text))
    };
    let shared = original_files.iter().filter(|(file, _)| is_shared(file));
    let changed = shared.filter(|(file, text)| !same(file, text));
    changed.map(|(file, _)| format!("../{file}")).collect()
}

/// Makes the folder contain exactly these files. Unchanged files are not written, because
/// cargo detects changes by modification time.
fn write(folder: &Path, files: &Files) -> anyhow::Result<()> {
    let present = Submission::read_all(folder).files;
    for old in present.keys().filter(|old| !files.contains_key(*old)) {
        fs::remove_file(folder.join(old))?;
    }
    // Cargo shortens the lock file to the packages that this exercise needs.
    let original_lock =
        untrusted_file::read(&folder.join(ORIGINAL_LOCK), MAX_FILE_BYTES + 1).ok();
    let lock_is_current =
        present.contains_key(LOCK_FILE) && original_lock.as_ref() == files.get(LOCK_FILE);
    for (file, text) in files {
        if file == LOCK_FILE && !lock_is_current {
            untrusted_file::write(&folder.join(ORIGINAL_LOCK), text)
                .context("cannot write the lock file")?;
        }
        let written = file == LOCK_FILE && lock_is_current;
        if written || present.get(file) == Some(text) {
            continue;
        }
        let path = folder.join(file);
        fs::create_dir_all(path.parent().context("a file has a parent folder")?)?;
        untrusted_file::write(&path, text)
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
        read_into(&from, "exercises", &mut files);
        for (file, text) in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let paths = LabPaths::at(folder.path(), &folder.path().join("target")).unwrap();
        let manifest = paths.manifest("x-01-double").unwrap();
        (folder, paths, manifest)
    }

    #[tokio::test]
    async fn lock_file_is_replaced_only_when_the_original_changes() {
        let (_folder, paths, manifest) = paths();
        let build_lock = BuildLock::take(&paths).await.unwrap();
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

    /// A program of an earlier grading can have put it there.
    #[tokio::test]
    async fn pipe_in_the_build_folder_is_replaced() {
        let (_folder, paths, manifest) = paths();
        let build_lock = BuildLock::take(&paths).await.unwrap();
        let prepare =
            || BuildFolder::prepare(&paths, &manifest, None, &build_lock).unwrap().folder;
        let source = prepare().join("x-01-double/src/main.rs");
        let text = fs::read(&source).unwrap();
        fs::remove_file(&source).unwrap();
        nix::unistd::mkfifo(&source, nix::sys::stat::Mode::S_IRWXU).unwrap();
        prepare();
        assert_eq!(fs::read(&source).unwrap(), text);
    }
}
