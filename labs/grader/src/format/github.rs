//! GitHub Actions: annotations beside the code, and a summary of the job.
//!
//! A program's output must not be read as commands of the runner. In an annotation it is
//! escaped; in the summary it stands in a block whose fence it cannot contain. What is
//! printed plainly has to stand between two lines of [`shielded`].

use super::{at_most, explained, explained_in_full};
use crate::record::{CheckRecord, Record, Status};
use std::fmt::Write;

/// A larger summary is refused.
const LARGEST_SUMMARY: usize = 1 << 20;

/// One command for each check that did not pass.
#[must_use]
pub fn annotations(record: &Record) -> String {
    let wrong = record.shown().filter(|check| check.status != Status::Pass);
    let mut text = String::new();
    for check in wrong {
        let kind = match check.status {
            Status::Fail => "error",
            Status::Skipped => "notice",
            _ => "warning",
        };
        let title = property(&format!("{}: {}", record.exercise, check.title));
        let (file, message) = (property(&check.file), message(&explained(check)));
        let _ = writeln!(text, "::{kind} file={file},line=1,title={title}::{message}");
    }
    text
}

/// What is printed plainly, in a way that the runner takes for text only. `word` must be
/// one that the program cannot know.
#[must_use]
pub fn shielded(text: &str, word: u64) -> String {
    format!("::stop-commands::{word:016x}\n{text}\n::{word:016x}::\n")
}

/// Markdown for the page of the job.
#[must_use]
pub fn summary(records: &[Record]) -> String {
    let mut text = String::new();
    for record in records {
        let Record { exercise, title, points, max_points, verdict, .. } = record;
        let _ = writeln!(
            text,
            "## {exercise}: {points} of {max_points} points ({verdict})\n"
        );
        let _ = writeln!(text, "{}\n", cell(title));
        if !record.message.is_empty() {
            text.push_str(&block(&record.message));
        }
        text.push_str("| | check | points |\n|---|---|---|\n");
        for check in record.shown() {
            let mark = mark(check.status);
            let (title, points) = (cell(&check.title), check.points);
            let _ =
                writeln!(text, "| {mark} | {title} | {points} of {} |", check.max_points);
        }
        text.push('\n');
        for check in record.shown().filter(|check| check.status == Status::Fail) {
            text.push_str(&details(check));
        }
    }
    at_most(&text, LARGEST_SUMMARY).to_owned()
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

/// In a fence that is longer than any row of backticks in the text.
fn block(text: &str) -> String {
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
