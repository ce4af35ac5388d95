//! The files that the compiler read for a program. All must be files of the exercise: a
//! solution elsewhere is not the student's work, and an error could quote a private file of
//! the grading user.

use super::diagnostics::CompilerMessages;
use super::includes::{Include, includes};
use crate::submission::MAX_FILE_BYTES;
use crate::transcript::one_line;
use crate::untrusted_file;
use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// Parts of the paths of public sources that an error may quote: a dependency, or the
/// standard library.
const PUBLIC: [&str; 4] =
    ["/registry/src/", "/git/checkouts/", "/lib/rustlib/", "/rustc/"];

/// Maximum size of a dependency file, in bytes. It names each file of a source twice.
const MAX_DEPENDENCY_BYTES: u64 = 64 << 20;

/// Maximum number of files that a reason names.
const MAX_NAMED: usize = 5;

/// The build folder of one exercise.
#[derive(Debug)]
pub(super) struct Sources {
    workspace: PathBuf,
    id: String,
}

impl Sources {
    /// The sources of an exercise in a folder of exercises.
    pub(super) fn new(workspace: &Path, id: &str) -> Self {
        Self { workspace: workspace.to_owned(), id: id.to_owned() }
    }

    /// Why a built program reads something outside of the exercise, if it does.
    pub(super) fn foreign_of_program(&self, program: &Path) -> Option<String> {
        reason(&self.foreign_in(&self.dependency_file(program)?))
    }

    /// Why the source of a failed build reads something outside of the exercise, if it does
    /// or cannot be excluded. Then no message of the compiler may be quoted.
    pub(super) fn foreign_of_failure(
        &self,
        messages: &CompilerMessages,
        began: SystemTime,
    ) -> Option<String> {
        let quoted = messages.files().into_iter().filter(|file| {
            !PUBLIC.iter().any(|part| file.contains(part)) && !file.starts_with('<')
        });
        let mut foreign: BTreeSet<_> = quoted
            .filter(|file| !self.is_inside(file) && !self.is_shared(file))
            .map(str::to_owned)
            .collect();
        let newest = self
            .dependency_files()
            .into_iter()
            .find(|(about, _)| about.modified().is_ok_and(|changed| changed >= began));
        if let Some((_, file)) = newest {
            foreign.extend(self.foreign_in(&file));
        }
        foreign.extend(self.foreign_includes());
        reason(&foreign)
    }

    /// The files that a dependency file of the compiler lists, and variables that the source
    /// reads, unless they belong to the exercise.
    fn foreign_in(&self, dependency_file: &Path) -> BTreeSet<String> {
        let text = untrusted_file::read(dependency_file, MAX_DEPENDENCY_BYTES);
        let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
        let files = text.lines().filter_map(|line| line.strip_suffix(':'));
        let files = files.map(|file| file.replace("\\ ", " "));
        let files = files.filter(|file| !file.starts_with('#') && !self.is_inside(file));
        let variables = text.lines().filter_map(|line| line.strip_prefix("# env-dep:"));
        // A variable that is not set has no value.
        let variables = variables.filter_map(|line| Some(line.split_once('=')?.0));
        let variables = variables.filter(|name| !name.starts_with("CARGO"));
        let variables = variables.map(|name| format!("the variable {name}"));
        files.chain(variables).collect()
    }

    /// Includes in the sources that name a file outside, or a path that cannot be read.
    fn foreign_includes(&self) -> BTreeSet<String> {
        let mut foreign = BTreeSet::new();
        let mut folders = vec![self.workspace.join(&self.id)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if entry.file_type().is_ok_and(|what| what.is_dir()) {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = untrusted_file::read(&path, MAX_FILE_BYTES);
                    let text = text.unwrap_or_default();
                    let text = String::from_utf8_lossy(&text);
                    foreign.extend(includes(&text).filter_map(|include| match include {
                        Include::Path(given) => {
                            let file = folder.join(&given);
                            let is_inside = self.is_inside(&file.to_string_lossy());
                            (!is_inside).then_some(given)
                        }
                        Include::Computed => Some("a computed path".to_owned()),
                    }));
                }
            }
        }
        foreign
    }

    /// Whether a file belongs to the exercise. Relative paths are relative to the workspace.
    fn is_inside(&self, file: &str) -> bool {
        self.is_below(file, &self.id)
    }

    /// Whether a file belongs to the code that all exercises share.
    fn is_shared(&self, file: &str) -> bool {
        self.is_below(file, "support")
    }

    fn is_below(&self, file: &str, part: &str) -> bool {
        let resolve =
            |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| plain(path));
        let folder = resolve(&self.workspace).join(part);
        resolve(&self.workspace.join(file)).starts_with(folder)
    }

    /// The dependency file of a program: it has the name of the file that cargo linked the
    /// program from.
    fn dependency_file(&self, program: &Path) -> Option<PathBuf> {
        let inode = fs::metadata(program).ok()?.ino();
        let files = self.dependency_files_beside(program);
        let linked = files.iter().find(|(_, file)| {
            fs::metadata(file.with_extension("")).is_ok_and(|about| about.ino() == inode)
        });
        linked.or(files.first()).map(|(_, file)| file.clone())
    }

    fn dependency_files(&self) -> Vec<(Metadata, PathBuf)> {
        // The workspace is `sources/ID` in the target folder.
        let target = self.workspace.parent().and_then(Path::parent);
        let target = target.unwrap_or(&self.workspace);
        self.dependency_files_beside(&target.join("debug").join(&self.id))
    }

    /// The dependency files of the exercise beside its program, the newest first.
    fn dependency_files_beside(&self, program: &Path) -> Vec<(Metadata, PathBuf)> {
        let prefix = format!("{}-", self.id.replace('-', "_"));
        let folder = program.parent().unwrap_or(program).join("deps");
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries
            .filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with(&prefix) && name.ends_with(".d")
            })
            .filter_map(|entry| Some((entry.metadata().ok()?, entry.path())))
            .collect();
        files.sort_by_key(|(about, _)| std::cmp::Reverse(about.modified().ok()));
        files
    }
}

/// The text about files and variables outside of the exercise.
fn reason(foreign: &BTreeSet<String>) -> Option<String> {
    let named = foreign.iter().take(MAX_NAMED).map(|file| one_line(file));
    let named = named.collect::<Vec<_>>().join(", ");
    (!foreign.is_empty()).then(|| {
        format!(
            "the source reads something outside of the exercise: {named}. Only files of the \
             exercise are graded, and messages about others are not shown"
        )
    })
}

/// A path without `.` and `..`, if no link is in it.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}
