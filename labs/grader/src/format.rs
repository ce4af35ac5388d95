//! Renders a record for terminals, CI systems and grading systems. Every format shows the
//! same record.

mod classroom50;
mod exercism;
mod github;
mod gradescope;
mod junit;
mod terminal;

pub use classroom50::{Submission, classroom50};
pub use exercism::exercism;
pub use github::{annotations, shielded, summary};
pub use gradescope::gradescope;
pub use junit::junit;
pub(crate) use terminal::failure;
pub use terminal::{Colour, terminal, terminal_brief};

use crate::record::{CheckRecord, Record, Status};

/// The exercise's id, after the submission's name if a class is graded.
fn name(record: &Record) -> String {
    match &record.submission {
        Some(submission) => format!("{submission} {}", record.exercise),
        None => record.exercise.clone(),
    }
}

/// Remarks and restored files, one per line.
fn remarks(record: &Record) -> Vec<String> {
    let mut lines = record.remarks.clone();
    if !record.restored.is_empty() {
        let files = record.restored.join(", ");
        lines.push(format!(
            "these files are not yours to change and were graded in their \
                            original form: {files}"
        ));
    }
    lines
}

/// The remarks, followed by the record's message.
fn remarks_and_message(record: &Record) -> String {
    let message = (!record.message.is_empty()).then(|| record.message.clone());
    remarks(record).into_iter().chain(message).collect::<Vec<_>>().join("\n")
}

/// Explains a check that did not pass; empty for a check that passed.
fn explained(check: &CheckRecord) -> String {
    match check.status {
        Status::Pass => String::new(),
        Status::Fail => format!(
            "expected: {}\nactual: {}\nhelp: {}\nseed: {}\nagain: {}",
            check.expected, check.actual, check.help, check.seed, check.rerun
        ),
        Status::Skipped => format!("skipped, {}", check.actual),
        Status::Inconclusive => format!("inconclusive: {}", check.actual),
        Status::Error => format!("harness error: {}", check.actual),
    }
}

/// The explanation, preceded by the transcript and followed by the log.
fn explained_with_logs(check: &CheckRecord) -> String {
    let story = check.transcript.join("\n");
    let log = check.log.trim_end();
    let log = if log.is_empty() {
        String::new()
    } else {
        format!("\nlog of the program:\n{log}")
    };
    format!("{story}\n{}{log}", explained(check)).trim_start().to_owned()
}

/// The first `bytes` bytes, cut at a character boundary.
fn at_most(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
