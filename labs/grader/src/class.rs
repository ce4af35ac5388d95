//! Grading a class: a folder with a folder for each submission.

use crate::grade::{Assignment, grade, unjudged};
use crate::home::Home;
use crate::manifest::Manifest;
use crate::place::{Found, find, not_followed};
use crate::record::Record;
use anyhow::{Context, ensure};
use futures_util::FutureExt;
use std::fs::{self, DirEntry};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The columns of the table.
const HEADER: [&str; 9] = [
    "submission",
    "exercise",
    "verdict",
    "points",
    "max_points",
    "restored",
    "seconds",
    "seed",
    "remarks",
];

/// One submission.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The name of its folder, as it may be printed.
    pub name: String,
    /// Where its work on the exercise is.
    pub found: Found,
}

/// All submissions in a folder, in order of their names. One that is a link is not
/// followed: it could lead to the work of somebody else.
///
/// # Errors
/// When there are none.
pub fn submissions(
    folder: &Path,
    home: &Home,
    manifest: &Manifest,
) -> anyhow::Result<Vec<Submitted>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found: Vec<Submitted> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| Submitted {
            name: printable(&entry.file_name().to_string_lossy()),
            found: found_in(&entry, home, manifest),
        })
        .filter(|one| !one.name.starts_with('.'))
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    ensure!(!found.is_empty(), "{} holds no submissions", folder.display());
    Ok(found)
}

fn found_in(entry: &DirEntry, home: &Home, manifest: &Manifest) -> Found {
    if entry.file_type().is_ok_and(|what| what.is_dir()) {
        return find(&entry.path(), home, manifest);
    }
    Found { remarks: vec![not_followed("the submission")], ..Found::default() }
}

/// A name that a terminal and a table show as it is: without what they would obey, and
/// without what turns the direction of writing.
fn printable(name: &str) -> String {
    let turns = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let obeyed = |c: char| c.is_control() || turns(c);
    name.chars().map(|c| if obeyed(c) { '\u{fffd}' } else { c }).collect()
}

/// Grades all, so many at a time, and tells of each as it is done, with its place in the
/// order of the submissions. Returns the records in that order. A grading that panics is a
/// fault of the lab, and has a record that says so.
pub async fn grade_all(
    template: &Assignment,
    submitted: Vec<Submitted>,
    jobs: usize,
    mut tell: impl FnMut(usize, &Record),
) -> Vec<Record> {
    let (turns, mut running) = (Arc::new(Semaphore::new(jobs.max(1))), JoinSet::new());
    for (place, one) in submitted.into_iter().enumerate() {
        let (turns, template) = (Arc::clone(&turns), template.clone());
        running.spawn(async move {
            let _turn = turns.acquire_owned().await;
            (place, grade_one(template, one).await)
        });
    }
    let mut records = Vec::new();
    while let Some(done) = running.join_next().await {
        // What panics is caught inside, and nobody aborts a task.
        let Ok((place, record)) = done else { continue };
        tell(place, &record);
        records.push((place, record));
    }
    records.sort_by_key(|(place, _)| *place);
    records.into_iter().map(|(_, record)| record).collect()
}

async fn grade_one(mut assignment: Assignment, one: Submitted) -> Record {
    assignment.work.clone_from(&one.found.work);
    let nothing_known = unjudged(&assignment);
    let graded = AssertUnwindSafe(grade(assignment)).catch_unwind().await;
    let mut record = graded.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        let message =
            format!("the lab itself broke: {}", said.unwrap_or("a check panicked"));
        Record { message, ..nothing_known }
    });
    record.found(&one.found);
    record.submission = Some(one.name);
    record
}

/// One line a submission, for a spreadsheet.
#[must_use]
pub fn csv<'a>(records: impl IntoIterator<Item = &'a Record>) -> String {
    let mut text = HEADER.join(",") + "\n";
    for record in records {
        let row: [String; HEADER.len()] = [
            cell(record.submission.as_deref().unwrap_or_default()),
            cell(&record.exercise),
            record.verdict.to_string(),
            record.points.to_string(),
            record.max_points.to_string(),
            cell(&record.restored.join(" ")),
            (record.duration_ms / 1000).to_string(),
            record.seed.to_string(),
            cell(&record.remarks.join("; ")),
        ];
        text.push_str(&(row.join(",") + "\n"));
    }
    text
}

/// In quotes where it must be; and a cell that a spreadsheet would take for a formula
/// begins with an apostrophe.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_the_table() {
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("\t=1+1"), "'\t=1+1");
        assert_eq!(cell("\r=1+1"), "\"'\r=1+1\"");
    }

    #[test]
    fn a_name_cannot_order_a_terminal_about() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(printable("a\u{202e}b"), "a\u{fffd}b");
        assert_eq!(printable("Ådá 学"), "Ådá 学");
    }
}
