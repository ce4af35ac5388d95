//! The exercise as it is graded: the repository's own copy, with the reader's files laid
//! over it. Whatever else the reader changed is listed, and plays no part.

use crate::home::Home;
use crate::manifest::Manifest;
use anyhow::Context;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of a reader's file beyond which it is no source.
const LARGEST: u64 = 1 << 20;

/// What all exercises are built with, besides the lock file, which cargo writes.
const SHARED: [&str; 2] = ["Cargo.toml", "support"];

const LOCK: &str = "Cargo.lock";

/// In a folder that is built in: the lock file as it was handed out when it was laid there.
const LOCK_GIVEN: &str = ".lock-as-given";

/// A folder of exercises with one exercise in it, ready to be built.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// The workspace.
    pub(crate) folder: PathBuf,
    /// Files that were not as they are handed out.
    pub(crate) restored: Vec<String>,
    /// The reader's files that are not there.
    pub(crate) missing: Vec<String>,
}

/// Held until a program is built. Cargo builds one thing at a time in one folder, of any
/// exercise, and a build that waited for it inside cargo would lose its own time.
#[derive(Debug)]
pub(crate) struct Turn {
    _lock: File,
}

impl Turn {
    /// Waits until nobody else builds. Blocks.
    pub(crate) fn take(home: &Home) -> anyhow::Result<Self> {
        fs::create_dir_all(home.target()).context("cannot make a folder to build in")?;
        let lock = File::create(home.target().join("turn.lock"))?;
        lock.lock().context("cannot lock the folder to build in")?;
        Ok(Self { _lock: lock })
    }
}

/// What lies in a folder: each file's path in it, and its bytes.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

impl Scratch {
    /// Lays out an exercise with the reader's files of `work`, a folder of exercises, if
    /// there is one.
    pub(crate) fn lay_out(
        home: &Home,
        manifest: &Manifest,
        work: Option<&Path>,
        _turn: &Turn,
    ) -> anyhow::Result<Self> {
        let folder = home.target().join("scratch").join(&manifest.id);
        fs::create_dir_all(&folder).context("cannot make a folder to build in")?;
        let mut files = given(home, manifest)?;
        let (theirs, shared) = match work {
            Some(work) => (of_exercise(&work.join(&manifest.id))?, shared_of(work)?),
            None => <(Files, Files)>::default(),
        };
        let mut restored = changed(&files, &theirs, manifest);
        restored.extend(changed_beside(&files, &shared));
        let mut missing = Vec::new();
        for file in manifest.editable.iter().filter(|file| !file.ends_with('/')) {
            if !theirs.contains_key(file) {
                missing.push(file.clone());
            }
        }
        let inside = |file: &str| format!("{}/{file}", manifest.id);
        files.retain(|file, _| {
            let file = file.strip_prefix(&inside("")).unwrap_or_default();
            !manifest.is_editable(file)
        });
        for (file, text) in theirs {
            if manifest.is_editable(&file) {
                files.insert(inside(&file), text);
            }
        }
        write(&folder, &files)?;
        Ok(Self { folder, restored, missing })
    }
}

/// The exercise as it is handed out, with what it is built with.
fn given(home: &Home, manifest: &Manifest) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for part in [LOCK, &manifest.id].iter().chain(&SHARED) {
        read_into(&home.exercises(), part, &mut files)?;
    }
    Ok(files)
}

/// What somebody's folder of exercises has of what all exercises share.
fn shared_of(work: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for part in SHARED.iter().filter(|part| work.join(part).exists()) {
        read_into(work, part, &mut files)?;
    }
    Ok(files)
}

/// A word that is another one whenever what the exercise depends on is.
pub(crate) fn foundation(home: &Home, manifest: &Manifest) -> anyhow::Result<String> {
    let sources = format!("{}/src/", manifest.id);
    let mut hasher = DefaultHasher::new();
    given(home, manifest)?
        .iter()
        .filter(|(file, _)| !file.starts_with(&sources))
        .for_each(|file| file.hash(&mut hasher));
    Ok(format!("{:016x}", hasher.finish()))
}

/// What lies in somebody's folder of an exercise; nothing if there is none.
pub(crate) fn of_exercise(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if let Some(name) = entry.file_name().to_str() {
            read_into(folder, name, &mut files)?;
        }
    }
    Ok(files)
}

/// Reads a file, or all files of a folder. Links are not followed: one could lead to a
/// file of whoever grades.
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
        File::open(&path)?.take(LARGEST).read_to_end(&mut text)?;
        files.insert(name.to_owned(), text);
    }
    Ok(())
}

/// Files of the exercise that somebody changed or removed and that are not theirs.
fn changed(given: &Files, theirs: &Files, manifest: &Manifest) -> Vec<String> {
    if theirs.is_empty() {
        return Vec::new();
    }
    let prefix = format!("{}/", manifest.id);
    let protected = given.iter().filter_map(|(file, text)| {
        let file = file.strip_prefix(&prefix)?;
        (!manifest.is_editable(file)).then_some((file, text))
    });
    let same = |file: &str, text: &[u8]| theirs.get(file).is_some_and(|its| its == text);
    let changed = protected.filter(|(file, text)| !same(file, text));
    changed.map(|(file, _)| file.to_owned()).collect()
}

/// The same of what all exercises share, named as seen from the exercise. Who handed in an
/// exercise alone has removed nothing.
fn changed_beside(given: &Files, theirs: &Files) -> Vec<String> {
    let there = |part: &str| {
        let inside = format!("{part}/");
        theirs.keys().any(|file| file == part || file.starts_with(&inside))
    };
    let is_shared = |file: &str| {
        SHARED.iter().any(|part| {
            let is_of_it = file == *part || file.starts_with(&format!("{part}/"));
            is_of_it && there(part)
        })
    };
    let shared = given.iter().filter(|(file, _)| is_shared(file));
    let changed = shared.filter(|(file, text)| theirs.get(*file) != Some(text));
    changed.map(|(file, _)| format!("../{file}")).collect()
}

/// Makes the folder hold just these files. What is already right is not written again, so
/// that cargo sees what is new by its time.
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
    // Cargo shortens the lock file to what this one exercise needs.
    let given = fs::read(folder.join(LOCK_GIVEN)).ok();
    let lock_stands = present.contains_key(LOCK) && given.as_ref() == files.get(LOCK);
    for (file, text) in files {
        if file == LOCK && !lock_stands {
            fs::write(folder.join(LOCK_GIVEN), text)
                .context("cannot keep the lock file")?;
        }
        let written = file == LOCK && lock_stands;
        if written || present.get(file) == Some(text) {
            continue;
        }
        let path = folder.join(file);
        fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        fs::write(&path, text)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A home with the exercise in small, to be changed.
    fn home() -> (TempDir, Home, Manifest) {
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/grader/fixture");
        let mut files = Files::new();
        read_into(&from, "exercises", &mut files).unwrap();
        for (file, text) in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let home = Home::at(folder.path(), &folder.path().join("target")).unwrap();
        let manifest = home.manifest("x-01-double").unwrap();
        (folder, home, manifest)
    }

    #[test]
    fn a_lock_file_is_laid_out_anew_when_another_is_handed_out_and_only_then() {
        let (_folder, home, manifest) = home();
        let turn = Turn::take(&home).unwrap();
        let lay_out = || Scratch::lay_out(&home, &manifest, None, &turn).unwrap().folder;
        let laid = lay_out().join(LOCK);
        fs::write(&laid, "# as cargo shortened it\n").unwrap();
        lay_out();
        assert_eq!(fs::read_to_string(&laid).unwrap(), "# as cargo shortened it\n");
        fs::write(home.exercises().join(LOCK), "# a newer one\n").unwrap();
        lay_out();
        assert_eq!(fs::read_to_string(&laid).unwrap(), "# a newer one\n");
    }
}
