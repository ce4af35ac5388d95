//! The files that a student handed in: those that are graded, and why others are not.

use crate::manifest::Manifest;
use crate::source_text::without_white_space;
use crate::transcript::one_line;
use crate::untrusted_file;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, FileType};
use std::path::Path;

/// Maximum size of a file that is graded, in bytes.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 20;

/// Maximum number of entries that are read of one submission beside the wanted ones. A
/// student may commit a folder of dependencies by mistake.
pub(crate) const MAX_ENTRIES: usize = 20_000;

/// Folders of dependencies and build output. They are not read.
const NOT_READ: [&str; 2] = ["node_modules", "target"];

/// Maximum depth of folders.
const MAX_DEPTH: usize = 32;

/// Files of a folder: relative path and content.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The entries of a submitted folder. Hidden files, dependencies and build output are left
/// out.
#[derive(Debug, Default)]
pub(crate) struct Submission {
    /// The files whose content matters.
    pub(crate) files: Files,
    /// Paths that cannot be used, such as a symbolic link, with the reason.
    unusable: BTreeMap<String, String>,
    /// All other files.
    others: Vec<String>,
    /// Whether it has more entries than are read.
    pub(crate) is_cut: bool,
}

impl Submission {
    /// Reads a folder; it is empty if the folder does not exist. Of the files for which
    /// `matters` is false only the names are read. The `wanted` files and folders are read
    /// first, so that other files cannot hide them.
    pub(crate) fn read<'a>(
        folder: &Path,
        wanted: impl IntoIterator<Item = &'a str>,
        matters: impl Fn(&str) -> bool,
    ) -> Self {
        let mut walk = Walk {
            top: folder,
            matters,
            budget: MAX_ENTRIES,
            done: BTreeSet::new(),
            submission: Self::default(),
        };
        for path in wanted {
            walk.path(path.trim_end_matches('/'));
            walk.budget = MAX_ENTRIES;
        }
        walk.folder("", MAX_DEPTH);
        walk.submission
    }

    /// Reads all files of a folder of the repository.
    pub(crate) fn read_all(folder: &Path) -> Self {
        Self::read(folder, std::iter::empty(), |_| true)
    }

    fn read_file(&mut self, top: &Path, path: String) {
        match untrusted_file::read(&top.join(&path), MAX_FILE_BYTES + 1) {
            Err(error) => {
                self.unusable.insert(path, format!("cannot be read: {error}"));
            }
            Ok(text) if text.len() as u64 > MAX_FILE_BYTES => {
                self.unusable.insert(path, "is longer than 1 MiB".to_owned());
            }
            Ok(text) => {
                self.files.insert(path, text);
            }
        }
    }

    /// Whether it contains nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.unusable.is_empty() && self.others.is_empty()
    }

    /// Why a file of these is missing; empty if none is. It names a file of the same name in
    /// another folder, which may be the work.
    pub(crate) fn missing<'a>(
        &self,
        wanted: impl Iterator<Item = &'a str>,
    ) -> Vec<String> {
        let missing = wanted.filter(|file| !self.files.contains_key(*file));
        missing.map(|file| self.why_missing(file)).collect()
    }

    fn why_missing(&self, file: &str) -> String {
        let ancestors = Path::new(file).ancestors().filter_map(Path::to_str);
        let unusable = ancestors
            .filter_map(|path| Some((path, self.unusable.get(path)?)))
            .map(|(path, why)| format!("{path} {why}"))
            .next();
        if let Some(why) = unusable {
            return format!("{file} ({why})");
        }
        let last = file.rsplit('/').next().unwrap_or(file);
        let elsewhere = self.others.iter().find(|other| {
            other.rsplit('/').next().is_some_and(|its| its.eq_ignore_ascii_case(last))
        });
        match elsewhere {
            Some(other) => format!("{file} (but there is {})", one_line(other)),
            None => file.to_owned(),
        }
    }

    /// Source files that are not graded, sorted.
    pub(crate) fn unused_sources(&self, manifest: &Manifest) -> Vec<String> {
        let is_source = |file: &&String| {
            let extension = Path::new(file.as_str()).extension();
            extension.is_some_and(|extension| extension.eq_ignore_ascii_case("rs"))
        };
        let links = self.unusable.keys().filter(|path| !manifest.is_editable(path));
        let mut unused: Vec<_> =
            self.others.iter().chain(links).filter(is_source).collect();
        unused.sort_unstable();
        unused.into_iter().map(|file| one_line(file)).collect()
    }

    /// The text of each file without white space, to compare two copies of an exercise: an
    /// editor may have formatted one of them. A file that cannot be used differs from every
    /// text.
    pub(crate) fn texts(&self) -> Files {
        let files = self.files.iter();
        let files = files.map(|(file, text)| (file.clone(), without_white_space(text)));
        let reasons = self.unusable.iter();
        let reasons = reasons.map(|(file, why)| (file.clone(), why.clone().into_bytes()));
        files.chain(reasons).collect()
    }
}

/// A walk through a submitted folder.
struct Walk<'a, M> {
    top: &'a Path,
    matters: M,
    /// Number of entries that may still be read.
    budget: usize,
    /// The paths that were read.
    done: BTreeSet<String>,
    submission: Submission,
}

impl<M: Fn(&str) -> bool> Walk<'_, M> {
    /// Reads a file, or a folder with all that is in it. If there is anything but a folder
    /// on the way, such as a link, that is read instead.
    fn path(&mut self, path: &str) {
        let inner = path.match_indices('/').map(|(end, _)| end);
        for end in inner.chain([path.len()]) {
            let part = &path[..end];
            let Ok(about) = fs::symlink_metadata(self.top.join(part)) else { return };
            if part == path || !about.is_dir() {
                self.entry(part.to_owned(), about.file_type(), MAX_DEPTH);
                return;
            }
        }
    }

    fn folder(&mut self, name: &str, depth: usize) {
        for entry in fs::read_dir(self.top.join(name)).into_iter().flatten().flatten() {
            let Some(last) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            if last.starts_with('.') || NOT_READ.contains(&last.as_str()) {
                continue;
            }
            let path = if name.is_empty() { last } else { format!("{name}/{last}") };
            if self.done.contains(&path) {
                continue;
            }
            if self.budget == 0 {
                self.submission.is_cut = true;
                return;
            }
            self.budget -= 1;
            if let Ok(what) = entry.file_type() {
                self.entry(path, what, depth);
            }
        }
    }

    fn entry(&mut self, path: String, what: FileType, depth: usize) {
        if !self.done.insert(path.clone()) {
            return;
        }
        let (matters, submission) = ((self.matters)(&path), &mut self.submission);
        if what.is_dir() && depth > 0 {
            if matters {
                submission.unusable.insert(path.clone(), "is a folder".to_owned());
            }
            self.folder(&path, depth - 1);
        } else if what.is_symlink() {
            let why = "is a symbolic link, which is not followed";
            submission.unusable.insert(path, why.to_owned());
        } else if !what.is_file() {
            submission.unusable.insert(path, "is no regular file".to_owned());
        } else if matters {
            submission.read_file(self.top, path);
        } else {
            submission.others.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a folder with this number of empty files.
    fn fill(folder: &Path, files: usize) {
        fs::create_dir_all(folder).unwrap();
        (0..files).for_each(|n| fs::write(folder.join(n.to_string()), "").unwrap());
    }

    /// The order of the entries of a folder differs between file systems: with many wanted
    /// folders, one comes after the other files in any order.
    #[test]
    fn many_other_files_do_not_hide_the_work() {
        let top = tempfile::tempdir().unwrap();
        let wanted: Vec<_> = (0..20).map(|n| format!("part-{n}/answer.rs")).collect();
        for file in &wanted {
            fill(top.path().join(file).parent().unwrap(), 0);
            fs::write(top.path().join(file), "// mine").unwrap();
        }
        let read = || {
            let wanted = wanted.iter().map(String::as_str);
            Submission::read(top.path(), wanted, |file| file.ends_with("answer.rs"))
        };
        assert!(!read().is_cut);
        for inner in ["a", "b", "c"] {
            fill(&top.path().join("data").join(inner), 6667);
        }
        let submission = read();
        assert_eq!(submission.missing(wanted.iter().map(String::as_str)), [""; 0]);
        assert!(submission.is_cut);
    }

    #[test]
    fn dependencies_and_build_output_are_not_read() {
        let top = tempfile::tempdir().unwrap();
        for folder in [".git", "node_modules", "src/node_modules", "target", "src"] {
            fill(&top.path().join(folder), 1);
        }
        let submission = Submission::read_all(top.path());
        assert_eq!(submission.files.into_keys().collect::<Vec<_>>(), ["src/0"]);
    }

    #[test]
    fn link_on_the_way_to_wanted_file_is_the_reason() {
        let top = tempfile::tempdir().unwrap();
        fill(&top.path().join("code"), 1);
        std::os::unix::fs::symlink("code", top.path().join("src")).unwrap();
        let submission = Submission::read(top.path(), ["src/0"], |file| file == "src/0");
        let missing = submission.missing(["src/0"].into_iter());
        assert!(missing[0].contains("src is a symbolic link"), "{missing:?}");
    }
}
