//! GitHub Actions: annotations and a job summary.
//!
//! The runner must not interpret a program's output as workflow commands. Annotations
//! escape it, the summary puts it into a fenced block whose fence it cannot contain, and
//! plain output is enclosed by [`shielded`].

use super::{
    at_most, explained, explained_with_logs, name, remarks, remarks_and_message,
};
use crate::record::{CheckRecord, Record, Status};
use std::fmt::Write;

/// Maximum size of the summary, in bytes. GitHub rejects a larger one as a whole.
const MAX_SUMMARY_BYTES: usize = 1 << 20;

/// Maximum size of one text in the summary, in bytes. A longer text is cut.
const MAX_BLOCK_BYTES: usize = 64 << 10;

/// Maximum number of annotations: GitHub shows ten of a kind per step, and the tenth says
/// how many were left out.
const MAX_ANNOTATIONS: usize = 9;

/// Maximum size of one annotation, in bytes.
const MAX_ANNOTATION_BYTES: usize = 4 << 10;

/// One workflow command for each exercise that did not pass. It describes the first check
/// that did not pass, because later failures may follow from it.
#[must_use]
pub fn annotations(records: &[Record]) -> String {
    let all: Vec<String> = records.iter().filter_map(annotation).collect();
    let mut text = all[..all.len().min(MAX_ANNOTATIONS)].concat();
    let more = all.len().saturating_sub(MAX_ANNOTATIONS);
    if more > 0 {
        let _ =
            writeln!(text, "::warning title=and {more} more::see the summary of the job");
    }
    text
}

fn annotation(record: &Record) -> Option<String> {
    if record.is_not_started() {
        let title = property(&name(record));
        let text = "not started: the exercise is unchanged and earns no points";
        return Some(format!("::notice title={title}::{text}\n"));
    }
    let mut wrong = record.shown().filter(|check| {
        matches!(check.status, Status::Fail | Status::Inconclusive | Status::Error)
    });
    let Some(first) = wrong.next() else {
        let (title, text) = (property(&name(record)), &record.message);
        let text = message(at_most(text, MAX_ANNOTATION_BYTES));
        return (!text.is_empty()).then(|| format!("::warning title={title}::{text}\n"));
    };
    let kind = if first.status == Status::Fail { "error" } else { "warning" };
    let title = property(&format!("{}: {}", name(record), first.title));
    let mut text = format!("{}\n{}", remarks_and_message(record), explained(first))
        .trim()
        .to_owned();
    let more = wrong.count();
    text.truncate(at_most(&text, MAX_ANNOTATION_BYTES).len());
    if more > 0 {
        let _ = write!(text, "\nand {more} more: see the summary of the job");
    }
    let (file, text) = (property(&first.file), message(&text));
    Some(format!("::{kind} file={file},line=1,title={title}::{text}\n"))
}

/// Encloses a text so that the runner does not interpret it as commands. `token` must be
/// unknown to the program.
#[must_use]
pub fn shielded(text: &str, token: u64) -> String {
    format!("::stop-commands::{token:016x}\n{text}\n::{token:016x}::\n")
}

/// Markdown for the job's page. Parts that would exceed the maximum size are left out as
/// a whole and counted, so that no block is left open.
#[must_use]
pub fn summary(records: &[Record]) -> String {
    let (mut text, mut left_out) = (String::new(), 0);
    for part in records.iter().flat_map(parts) {
        if left_out > 0 || text.len() + part.len() > MAX_SUMMARY_BYTES - 100 {
            left_out += 1;
        } else {
            text.push_str(&part);
        }
    }
    if left_out > 0 {
        let _ = writeln!(text, "{left_out} more parts are in the log of the job only.\n");
    }
    text
}

/// The parts of a summary that can be left out separately: the table of a record and each
/// explanation.
fn parts(record: &Record) -> Vec<String> {
    let Record { title, points, max_points, outcome, .. } = record;
    let name = cell(&name(record));
    let mut text = format!("## {name}: {points} of {max_points} points ({outcome})\n\n");
    let _ = writeln!(text, "{}\n", cell(title));
    for line in remarks(record) {
        let _ = writeln!(text, "**{}**\n", cell(&line));
    }
    if !record.message.is_empty() {
        text.push_str(&block(&record.message));
        text.push('\n');
    }
    text.push_str("| | check | points |\n|---|---|---|\n");
    for check in record.shown() {
        let (mark, title, points) =
            (mark(check.status), cell(&check.title), check.points);
        let _ = writeln!(text, "| {mark} | {title} | {points} of {} |", check.max_points);
    }
    text.push('\n');
    let explained = record
        .shown()
        .filter(|check| !matches!(check.status, Status::Pass | Status::Skipped));
    std::iter::once(text).chain(explained.map(details)).collect()
}

fn details(check: &CheckRecord) -> String {
    let (title, block) = (cell(&check.title), block(&explained_with_logs(check)));
    format!("<details><summary>{title}</summary>\n\n{block}\n</details>\n\n")
}

const fn mark(status: Status) -> &'static str {
    match status {
        Status::Pass => "✔",
        Status::Fail => "✘",
        Status::Skipped => "–",
        Status::Inconclusive => "?",
        Status::Error => "!",
    }
}

/// A fenced block. The fence is longer than any row of backticks in the text. A long text
/// is cut first.
fn block(text: &str) -> String {
    let text = at_most(text, MAX_BLOCK_BYTES);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end())
}

fn cell(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|").replace('\n', " ")
}

fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotation_message_cannot_contain_a_workflow_command() {
        assert_eq!(message("100%\n::error::x"), "100%25%0A::error::x");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }

    #[test]
    fn fenced_text_cannot_close_its_fence() {
        let text = block("a\n````\nb");
        assert!(text.starts_with("`````text\n"), "{text}");
    }
}
