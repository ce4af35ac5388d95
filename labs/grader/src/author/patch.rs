//! Unified patches between the solution of an exercise and a wrong answer.

use anyhow::{Context, anyhow};
use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};
use diffy::{DiffOptions, Line, Patch};
use std::collections::BTreeMap;

/// Lines around a change. Few, so that an edit of the solution breaks few patches.
const CONTEXT_LINES: usize = 1;

/// Source files by their path in the exercise, such as `src/sessions.rs`.
pub(super) type Sources = BTreeMap<String, String>;

/// Applies a patch to the solution.
///
/// # Errors
/// When the patch cannot be read or does not apply; the error names the file and the hunk.
pub(super) fn apply(patch: &str, solution: &Sources) -> anyhow::Result<Sources> {
    let mut answer = solution.clone();
    for file in PatchSet::parse(patch, ParseOptions::unidiff()) {
        let file = file.context("the patch is not a unified diff")?;
        let path = changed_path(file.operation())?;
        let text = file.patch().as_text().context("the patch is not text")?;
        let source = answer.get_mut(&path);
        let source = source.with_context(|| format!("the solution has no {path}"))?;
        *source = diffy::apply(source, text).map_err(|error| {
            anyhow!("the patch does not apply to the solution's {path}: {error}")
        })?;
    }
    anyhow::ensure!(answer != *solution, "the patch changes nothing");
    Ok(answer)
}

fn changed_path(operation: &FileOperation<'_, str>) -> anyhow::Result<String> {
    match operation.strip_prefix(1) {
        FileOperation::Modify { modified, .. } => Ok(modified.into_owned()),
        other => anyhow::bail!("a patch changes files of the solution only: {other:?}"),
    }
}

/// The patch that makes an answer of the solution, without changes of comments alone.
pub(super) fn create(solution: &Sources, answer: &Sources) -> String {
    let mut patch = String::new();
    for (path, old) in solution {
        let Some(new) = answer.get(path) else { continue };
        let new = without_comment_changes(old, new);
        if *old != new {
            let mut options = DiffOptions::new();
            options.set_context_len(CONTEXT_LINES);
            options.set_original_filename(format!("a/{path}"));
            options.set_modified_filename(format!("b/{path}"));
            patch.push_str(&options.create_patch(old, &new).to_string());
        }
    }
    patch
}

/// `new`, with the comments of `old` wherever the code is the same.
fn without_comment_changes(old: &str, new: &str) -> String {
    let patch = without_context(old, new);
    let lines: Vec<&str> = old.split_inclusive('\n').collect();
    let (mut kept, mut next) = (String::new(), 0);
    for change in changes(&patch) {
        kept.extend(lines[next..change.start].iter().copied());
        next = change.start + change.deleted.len();
        let same = code(&change.deleted) == code(&change.inserted);
        kept.extend(if same { change.deleted } else { change.inserted });
    }
    kept.extend(lines[next..].iter().copied());
    kept
}

pub(super) fn without_context<'a>(old: &'a str, new: &'a str) -> Patch<'a, str> {
    let mut options = DiffOptions::new();
    options.set_context_len(0);
    options.create_patch(old, new)
}

/// Lines of the old text that are replaced by others, and where they begin.
pub(super) struct Change<'a> {
    pub(super) start: usize,
    pub(super) deleted: Vec<&'a str>,
    pub(super) inserted: Vec<&'a str>,
}

/// The changes of a patch without context.
pub(super) fn changes<'a>(patch: &'a Patch<'_, str>) -> impl Iterator<Item = Change<'a>> {
    patch.hunks().iter().map(|hunk| {
        let (mut deleted, mut inserted) = (Vec::new(), Vec::new());
        for line in hunk.lines() {
            match line {
                Line::Delete(line) => deleted.push(*line),
                Line::Insert(line) => inserted.push(*line),
                Line::Context(_) => {}
            }
        }
        // Of an insertion, unified diffs give the line before it.
        let start = hunk.old_range().start();
        let start = if deleted.is_empty() { start } else { start - 1 };
        Change { start, deleted, inserted }
    })
}

/// Whether the compiler reads a line.
pub(super) fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

fn code<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    lines.iter().map(|line| line.trim()).filter(|line| is_code(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOLUTION: &str =
        "//! A file.\n\n// Twice.\nfn twice() {}\n\n// Once.\nfn once() {}\n";

    fn sources(text: &str) -> Sources {
        Sources::from([("src/answer.rs".to_owned(), text.to_owned())])
    }

    #[test]
    fn created_patch_restores_answer_and_keeps_comments() {
        let answer =
            SOLUTION.replace("// Twice.", "// Two times.").replace("once()", "never()");
        let patch = create(&sources(SOLUTION), &sources(&answer));
        assert!(
            patch.starts_with("--- a/src/answer.rs\n+++ b/src/answer.rs\n@@"),
            "{patch}"
        );
        assert!(!patch.contains("times"), "{patch}");
        let applied = apply(&patch, &sources(SOLUTION)).unwrap();
        assert_eq!(applied, sources(&SOLUTION.replace("once()", "never()")));
        let moved = format!("// One more line.\n{SOLUTION}");
        let applied = apply(&patch, &sources(&moved)).unwrap();
        assert_eq!(applied, sources(&moved.replace("once()", "never()")));
    }

    #[test]
    fn insertions_and_deletions_of_code_are_kept() {
        let answer = SOLUTION
            .replace("fn once() {}\n", "")
            .replace("\n\n// Tw", "\nuse a;\n\n// Tw");
        let patch = create(&sources(SOLUTION), &sources(&answer));
        assert_eq!(apply(&patch, &sources(SOLUTION)).unwrap(), sources(&answer));
    }

    #[test]
    fn patch_that_does_not_apply_names_file_and_hunk() {
        let answer = SOLUTION.replace("once()", "never()").replace("twice()", "thrice()");
        let patch = create(&sources(SOLUTION), &sources(&answer));
        let changed = SOLUTION.replace("once()", "at_once()");
        let error = apply(&patch, &sources(&changed)).unwrap_err().to_string();
        assert!(error.contains("src/answer.rs") && error.contains("hunk #2"), "{error}");
    }
}
