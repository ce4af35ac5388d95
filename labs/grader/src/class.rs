//! Grading a class: a folder with a folder for each submission.

use crate::grade::{Assignment, grade};
use crate::record::Record;
use anyhow::{Context, ensure};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Where a submission may have its exercises: it may be the folder itself, or the whole
/// repository.
const PLACES: [&str; 4] = ["", "labs/exercises", "labs/work", "exercises"];

/// One submission.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The name of its folder.
    pub name: String,
    /// Its folder of exercises.
    pub work: PathBuf,
}

/// All submissions in a folder, in order of their names.
///
/// # Errors
/// When there are none.
pub fn submissions(folder: &Path, exercise: &str) -> anyhow::Result<Vec<Submitted>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found: Vec<Submitted> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let places = PLACES.map(|place| entry.path().join(place));
            let holds = |place: &&PathBuf| place.join(exercise).is_dir();
            let work = places.iter().find(holds).cloned().unwrap_or_else(|| entry.path());
            (!name.starts_with('.')).then_some(Submitted { name, work })
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    ensure!(!found.is_empty(), "{} holds no submissions", folder.display());
    Ok(found)
}

/// Grades all, so many at a time, and tells of each as it is done. Returns the records in
/// the order of the submissions.
///
/// # Errors
/// When a grading panics, which is a fault of the lab.
pub async fn grade_all(
    template: &Assignment,
    submitted: Vec<Submitted>,
    jobs: usize,
    tell: impl Fn(&Record),
) -> anyhow::Result<Vec<Record>> {
    let (turns, mut running) = (Arc::new(Semaphore::new(jobs.max(1))), JoinSet::new());
    for (place, one) in submitted.into_iter().enumerate() {
        let (turns, mut assignment) = (Arc::clone(&turns), template.clone());
        assignment.work = one.work;
        running.spawn(async move {
            let _turn = turns.acquire_owned().await;
            let mut record = grade(assignment).await;
            record.submission = Some(one.name);
            (place, record)
        });
    }
    let mut records = Vec::new();
    while let Some(done) = running.join_next().await {
        let (place, record) = done.context("a grading broke")?;
        tell(&record);
        records.push((place, record));
    }
    records.sort_by_key(|(place, _)| *place);
    Ok(records.into_iter().map(|(_, record)| record).collect())
}

/// One line a submission, for a spreadsheet.
#[must_use]
pub fn csv(records: &[Record]) -> String {
    let mut text =
        "submission,exercise,verdict,points,max_points,restored,seconds,seed\n"
            .to_owned();
    for record in records {
        let name = cell(record.submission.as_deref().unwrap_or_default());
        let Record { exercise, verdict, points, max_points, seed, .. } = record;
        let (restored, seconds) =
            (cell(&record.restored.join(" ")), record.duration_ms / 1000);
        let _ = writeln!(
            text,
            "{name},{exercise},{verdict},{points},{max_points},{restored},{seconds},{seed}"
        );
    }
    text
}

/// In quotes where it must be; and a cell that a spreadsheet would take for a formula
/// begins with an apostrophe.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@']);
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
    }
}
