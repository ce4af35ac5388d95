//! How a record is shown: to people, to CI, and to the systems that keep marks. Each is a
//! rendering of the same record, and decides nothing.

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
pub use terminal::{Colour, at_work, terminal};

use crate::record::{CheckRecord, Record, Status};

/// Which exercise, and in a class of whom.
fn name(record: &Record) -> String {
    match &record.submission {
        Some(submission) => format!("{submission} {}", record.exercise),
        None => record.exercise.clone(),
    }
}

/// What there is to know beside the checks, a line each.
fn beside(record: &Record) -> Vec<String> {
    let mut lines = record.remarks.clone();
    if !record.restored.is_empty() {
        let files = record.restored.join(", ");
        lines.push(format!("graded with the original of what is not yours: {files}"));
    }
    lines
}

/// The same, and after it what there is to say about the whole.
fn about(record: &Record) -> String {
    let message = (!record.message.is_empty()).then(|| record.message.clone());
    beside(record).into_iter().chain(message).collect::<Vec<_>>().join("\n")
}

/// What went wrong, in a few lines; empty for a check that passed.
fn explained(check: &CheckRecord) -> String {
    match check.status {
        Status::Pass => String::new(),
        Status::Fail => format!(
            "expected: {}\nactual: {}\nhelp: {}\nseed: {}\nagain: {}",
            check.expected, check.actual, check.help, check.seed, check.rerun
        ),
        Status::Skipped => format!("skipped, {}", check.actual),
        Status::Inconclusive => format!("inconclusive: {}", check.actual),
        Status::Error => format!("the lab itself broke: {}", check.actual),
    }
}

/// The same with what was done before it.
fn explained_in_full(check: &CheckRecord) -> String {
    let story = check.transcript.join("\n");
    let log = check.log.trim_end();
    let log = if log.is_empty() {
        String::new()
    } else {
        format!("\nthe program wrote:\n{log}")
    };
    format!("{story}\n{}{log}", explained(check)).trim_start().to_owned()
}

/// At most so many bytes, cut between two characters.
fn at_most(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
