//! Terminal output: the result and cost of each check, and everything needed to reproduce
//! a failure.

use super::remarks;
use crate::record::{CheckRecord, Outcome, Record, Status};
use console::Style;
use std::fmt::Write;

/// Maximum number of log lines that are shown.
const MAX_LOG_LINES: usize = 12;

/// Whether the output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// For a terminal.
    Yes,
    /// For a file or a pipe.
    No,
}

/// The whole record.
#[must_use]
pub fn terminal(record: &Record, colour: Colour) -> String {
    shown(record, colour, usize::MAX)
}

/// The record for a student at work: of the failed checks, the first is explained and the
/// others are only listed.
#[must_use]
pub fn terminal_brief(record: &Record, colour: Colour) -> String {
    shown(record, colour, 1)
}

fn shown(record: &Record, colour: Colour, mut explained: usize) -> String {
    let paint = Paint(colour == Colour::Yes);
    let mut text =
        format!("{}\n\n", paint.bold(&format!("{} · {}", record.exercise, record.title)));
    for line in remarks(record) {
        let _ = writeln!(text, "{}\n", paint.loud(&line));
    }
    // Indented, because a source can make the compiler print any line.
    for line in record.message.lines() {
        let _ = writeln!(text, "    {line}");
    }
    if !record.message.is_empty() {
        text.push('\n');
    }
    for check in record.shown() {
        let passed = matches!(check.status, Status::Pass | Status::Skipped);
        text.push_str(&one(check, paint, passed || explained > 0));
        explained = explained.saturating_sub(usize::from(!passed));
    }
    let seconds = seconds(record.duration_ms);
    let Record { points, max_points, outcome, .. } = record;
    let outcome = paint.outcome(*outcome);
    let _ = writeln!(text, "\n{outcome}: {points} of {max_points} points, {seconds}");
    text
}

fn one(check: &CheckRecord, paint: Paint, explained: bool) -> String {
    let mark = paint.mark(check.status);
    let mut text = format!("{mark} {}", check.title);
    match check.status {
        Status::Pass => {
            let (requests, p99) = (check.requests, check.p99_ms);
            let cost = format!(
                "{requests} requests, p99 {p99} ms, {}",
                seconds(check.duration_ms)
            );
            let _ = writeln!(text, "  {}", paint.dim(&cost));
        }
        Status::Skipped => {
            let _ =
                writeln!(text, "  {}", paint.dim(&format!("skipped, {}", check.actual)));
        }
        Status::Fail | Status::Inconclusive | Status::Error => {
            text.push('\n');
            if explained {
                text.push_str(&failure(check));
            }
        }
    }
    text
}

/// Explains a failed check without colour: the transcript, the expectation and the
/// observation.
pub(crate) fn failure(check: &CheckRecord) -> String {
    let mut text = String::new();
    for line in &check.transcript {
        let _ = writeln!(text, "    {line}");
    }
    match check.status {
        Status::Fail => {
            let _ = writeln!(text, "    expected: {}", check.expected);
            let _ = writeln!(text, "    actual:   {}", check.actual);
            let _ = writeln!(text, "    help:     {}", check.help);
        }
        Status::Inconclusive => {
            let _ = writeln!(text, "    inconclusive: {}", check.actual);
        }
        _ => {
            let _ = writeln!(text, "    harness error: {}", check.actual);
        }
    }
    let lines: Vec<_> = check.log.lines().collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "    log of the program:");
    }
    for line in &lines[lines.len().saturating_sub(MAX_LOG_LINES)..] {
        let _ = writeln!(text, "    | {line}");
    }
    if !check.rerun.is_empty() {
        let _ = writeln!(text, "    again:    {}", check.rerun);
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "a tenth of a second is enough")]
fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, style: &Style, text: &str) -> String {
        if self.0 {
            style.clone().force_styling(true).apply_to(text).to_string()
        } else {
            text.to_owned()
        }
    }

    fn bold(self, text: &str) -> String {
        self.with(&Style::new().bold(), text)
    }

    fn loud(self, text: &str) -> String {
        self.with(&Style::new().yellow(), text)
    }

    fn dim(self, text: &str) -> String {
        self.with(&Style::new().dim(), text)
    }

    fn mark(self, status: Status) -> String {
        match status {
            Status::Pass => self.with(&Style::new().green(), "✔"),
            Status::Fail => self.with(&Style::new().red(), "✘"),
            Status::Skipped => self.dim("-"),
            Status::Inconclusive => self.with(&Style::new().yellow(), "?"),
            Status::Error => self.with(&Style::new().magenta(), "!"),
        }
    }

    fn outcome(self, outcome: Outcome) -> String {
        let style = match outcome {
            Outcome::Pass => Style::new().green().bold(),
            Outcome::Fail => Style::new().red().bold(),
            Outcome::Inconclusive => Style::new().yellow().bold(),
            Outcome::HarnessError => Style::new().magenta().bold(),
        };
        self.with(&style, &outcome.to_string())
    }
}
