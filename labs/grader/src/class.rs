//! Grades a class: a folder with one folder per submission.

use crate::assignment::Assignment;
use crate::grade::{grade_found, unjudged};
use crate::manifest::Manifest;
use crate::paths::LabPaths;
use crate::record::{Record, Status};
use crate::transcript::NOT_IN_XML;
use crate::work_location::{Found, find, not_followed};
use anyhow::{Context, ensure};
use futures_util::FutureExt;
use std::fs::{self, DirEntry};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Columns of the CSV table.
const HEADER: [&str; 10] = [
    "submission",
    "exercise",
    "outcome",
    "points",
    "max_points",
    "restored",
    "seconds",
    "seed",
    "failed",
    "remarks",
];

/// One submission.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// Name of its folder, without control characters.
    pub name: String,
    /// Location of the work on the exercise.
    pub found: Found,
}

/// All submissions in a folder, sorted by name. A symbolic link is not followed, because
/// it could lead to another student's work.
///
/// # Errors
/// When the folder cannot be read or contains no submission.
pub fn submissions(
    folder: &Path,
    paths: &LabPaths,
    manifest: &Manifest,
) -> anyhow::Result<Vec<Submitted>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found: Vec<Submitted> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| Submitted {
            name: printable(&entry.file_name().to_string_lossy()),
            found: found_in(&entry, paths, manifest),
        })
        .filter(|one| !one.name.starts_with('.'))
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    ensure!(!found.is_empty(), "{} contains no submissions", folder.display());
    Ok(found)
}

/// Entries of a class that are no folders, such as archives, sorted. They are not graded.
#[must_use]
pub fn not_folders(class: &Path) -> Vec<String> {
    let entries = fs::read_dir(class).into_iter().flatten().flatten();
    let files = entries.filter(|entry| !entry.path().is_dir());
    let names = files.map(|entry| printable(&entry.file_name().to_string_lossy()));
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort_unstable();
    names
}

fn found_in(entry: &DirEntry, paths: &LabPaths, manifest: &Manifest) -> Found {
    if entry.file_type().is_ok_and(|what| what.is_dir()) {
        return find(&entry.path(), paths, manifest);
    }
    Found { remarks: vec![not_followed("the submission")], ..Found::default() }
}

/// Replaces control characters and bidirectional overrides, so that a name cannot control
/// a terminal, and characters that XML excludes.
fn printable(name: &str) -> String {
    let turns = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let replaced = |c: char| c.is_control() || turns(c) || NOT_IN_XML.contains(&c);
    name.chars().map(|c| if replaced(c) { '\u{fffd}' } else { c }).collect()
}

/// Most submissions that are graded at a time; more would gain nothing on any machine.
const MAX_JOBS: usize = 1_000;

/// Grades all submissions, `jobs` at a time. Calls `report` for each record with its
/// index, as soon as it is done, and returns the records in the order of the submissions.
/// A panic is a harness error and gets a record of its own.
pub async fn grade_all(
    template: &Assignment,
    submitted: Vec<Submitted>,
    jobs: usize,
    mut report: impl FnMut(usize, &Record),
) -> Vec<Record> {
    let turns = Arc::new(Semaphore::new(jobs.clamp(1, MAX_JOBS)));
    let mut running = JoinSet::new();
    for (place, one) in submitted.into_iter().enumerate() {
        let (turns, template) = (Arc::clone(&turns), template.clone());
        running.spawn(async move {
            let _turn = turns.acquire_owned().await;
            (place, grade_one(template, one).await)
        });
    }
    let mut records = Vec::new();
    while let Some(done) = running.join_next().await {
        // Panics are caught inside the task, and no task is aborted.
        let Ok((place, record)) = done else { continue };
        report(place, &record);
        records.push((place, record));
    }
    records.sort_by_key(|(place, _)| *place);
    records.into_iter().map(|(_, record)| record).collect()
}

async fn grade_one(assignment: Assignment, one: Submitted) -> Record {
    let nothing_known = unjudged(&assignment);
    let graded = grade_found(assignment, &one.found);
    let graded = AssertUnwindSafe(graded).catch_unwind().await;
    let mut record = graded.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        let message = format!("harness error: {}", said.unwrap_or("a check panicked"));
        let remarks = one.found.remarks.clone();
        Record { message, remarks, ..nothing_known }
    });
    record.submission = Some(one.name);
    record
}

/// A CSV table with one line per submission.
#[must_use]
pub fn csv<'a>(records: impl IntoIterator<Item = &'a Record>) -> String {
    let mut text = HEADER.join(",") + "\n";
    for record in records {
        let row: [String; HEADER.len()] = [
            cell(record.submission.as_deref().unwrap_or_default()),
            cell(&record.exercise),
            record.outcome.to_string(),
            record.points.to_string(),
            record.max_points.to_string(),
            cell(&record.restored.join(" ")),
            (record.duration_ms / 1000).to_string(),
            record.seed.to_string(),
            cell(&failed(record)),
            cell(&remarks(record)),
        ];
        text.push_str(&(row.join(",") + "\n"));
    }
    text
}

/// The ids of the checks that failed. A check without a result is marked.
fn failed(record: &Record) -> String {
    let named = record.checks.iter().filter_map(|check| match check.status {
        Status::Fail => Some(check.id.clone()),
        Status::Inconclusive => Some(format!("{} (inconclusive)", check.id)),
        Status::Error => Some(format!("{} (harness error)", check.id)),
        Status::Pass | Status::Skipped => None,
    });
    named.collect::<Vec<_>>().join(" ")
}

/// The remarks, after the beginning of the message about the whole run.
fn remarks(record: &Record) -> String {
    let message: Vec<_> = record.message.lines().take(2).map(str::trim).collect();
    let message = (!message.is_empty()).then(|| message.join(" "));
    let remarks = record.remarks.iter().cloned();
    message.into_iter().chain(remarks).collect::<Vec<_>>().join("; ")
}

/// Quotes a cell if necessary. A cell that a spreadsheet would interpret as a formula
/// gets a leading apostrophe.
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
    fn csv_cells_are_quoted_and_formulas_escaped() {
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("\t=1+1"), "'\t=1+1");
        assert_eq!(cell("\r=1+1"), "\"'\r=1+1\"");
    }

    #[test]
    fn control_characters_in_names_are_replaced() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(printable("a\u{202e}b"), "a\u{fffd}b");
        assert_eq!(printable("a\u{fffe}b\u{ffff}"), "a\u{fffd}b\u{fffd}");
        assert_eq!(printable("Ådá 学"), "Ådá 学");
    }
}
