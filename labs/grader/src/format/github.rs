//! GitHub Actions: annotations beside the code, and a summary of the job.
//!
//! A program's output must not be read as commands of the runner. In an annotation it is
//! escaped; in the summary it stands in a block whose fence it cannot contain. What is
//! printed plainly has to stand between two lines of [`shielded`].

use super::{about, at_most, beside, explained, explained_in_full, name};
use crate::record::{CheckRecord, Record, Status};
use std::fmt::Write;

/// A larger summary is refused, as a whole.
const LARGEST_SUMMARY: usize = 1 << 20;

/// Bytes of one text in the summary; what is longer is cut.
const LARGEST_BLOCK: usize = 64 << 10;

/// Of one step, GitHub shows ten annotations of a kind. The last of ours says how many
/// there are besides.
const MOST_ANNOTATIONS: usize = 9;

/// Bytes of one annotation, which is read beside code.
const LARGEST_ANNOTATION: usize = 4 << 10;

/// One command for each exercise that did not pass: about the first check that did not,
/// because what comes after it may follow from it.
#[must_use]
pub fn annotations(records: &[Record]) -> String {
    let all: Vec<String> = records.iter().filter_map(annotation).collect();
    let mut text = all[..all.len().min(MOST_ANNOTATIONS)].concat();
    let more = all.len().saturating_sub(MOST_ANNOTATIONS);
    if more > 0 {
        let _ =
            writeln!(text, "::warning title=and {more} more::see the summary of the job");
    }
    text
}

fn annotation(record: &Record) -> Option<String> {
    let mut wrong = record.shown().filter(|check| {
        matches!(check.status, Status::Fail | Status::Inconclusive | Status::Error)
    });
    let Some(first) = wrong.next() else {
        let (title, said) = (property(&name(record)), &record.message);
        let said = message(at_most(said, LARGEST_ANNOTATION));
        return (!said.is_empty()).then(|| format!("::warning title={title}::{said}\n"));
    };
    let kind = if first.status == Status::Fail { "error" } else { "warning" };
    let title = property(&format!("{}: {}", name(record), first.title));
    let mut said = format!("{}\n{}", about(record), explained(first)).trim().to_owned();
    let more = wrong.count();
    said.truncate(at_most(&said, LARGEST_ANNOTATION).len());
    if more > 0 {
        let _ = write!(said, "\nand {more} more: see the summary of the job");
    }
    let (file, said) = (property(&first.file), message(&said));
    Some(format!("::{kind} file={file},line=1,title={title}::{said}\n"))
}

/// What is printed plainly, in a way that the runner takes for text only. `word` must be
/// one that the program cannot know.
#[must_use]
pub fn shielded(text: &str, word: u64) -> String {
    format!("::stop-commands::{word:016x}\n{text}\n::{word:016x}::\n")
}

/// Markdown for the page of the job. What would make it too large is left out as a whole,
/// and counted, so that nothing ends in the middle of a block.
#[must_use]
pub fn summary(records: &[Record]) -> String {
    let (mut text, mut left_out) = (String::new(), 0);
    for part in records.iter().flat_map(parts) {
        if left_out > 0 || text.len() + part.len() > LARGEST_SUMMARY - 100 {
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

/// What may be left out apart: the table of a record, and each explanation.
fn parts(record: &Record) -> Vec<String> {
    let Record { title, points, max_points, verdict, .. } = record;
    let name = cell(&name(record));
    let mut text = format!("## {name}: {points} of {max_points} points ({verdict})\n\n");
    let _ = writeln!(text, "{}\n", cell(title));
    for line in beside(record) {
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
    let (title, block) = (cell(&check.title), block(&explained_in_full(check)));
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

/// In a fence that is longer than any row of backticks in the text. A long text is cut
/// before it is fenced.
fn block(text: &str) -> String {
    let text = at_most(text, LARGEST_BLOCK);
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
    fn a_message_cannot_begin_a_command_of_its_own() {
        assert_eq!(message("100%\n::error::x"), "100%25%0A::error::x");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }

    #[test]
    fn a_text_cannot_close_its_own_fence() {
        let text = block("a\n````\nb");
        assert!(text.starts_with("`````text\n"), "{text}");
    }
}
