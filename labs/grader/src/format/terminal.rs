//! For people: what holds and what it cost, and, for what does not, everything that is
//! needed to see it again.

use super::beside;
use crate::record::{CheckRecord, Record, Status, Verdict};
use console::Style;
use std::fmt::Write;

/// Lines of the program's own output that are shown.
const LOG_LINES: usize = 12;

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// A terminal reads it.
    Yes,
    /// A file does.
    No,
}

/// The whole record.
#[must_use]
pub fn terminal(record: &Record, colour: Colour) -> String {
    shown(record, colour, usize::MAX)
}

/// For somebody who is at work on it: of the checks that fail, the first in full and the
/// others by name.
#[must_use]
pub fn at_work(record: &Record, colour: Colour) -> String {
    shown(record, colour, 1)
}

fn shown(record: &Record, colour: Colour, mut in_full: usize) -> String {
    let paint = Paint(colour == Colour::Yes);
    let mut text =
        format!("{}\n\n", paint.bold(&format!("{} · {}", record.exercise, record.title)));
    for line in beside(record) {
        let _ = writeln!(text, "{}\n", paint.loud(&line));
    }
    // Indented, because what a compiler says can be what the source tells it to say.
    for line in record.message.lines() {
        let _ = writeln!(text, "    {line}");
    }
    if !record.message.is_empty() {
        text.push('\n');
    }
    for check in record.shown() {
        let passed = matches!(check.status, Status::Pass | Status::Skipped);
        text.push_str(&one(check, paint, passed || in_full > 0));
        in_full = in_full.saturating_sub(usize::from(!passed));
    }
    let seconds = seconds(record.duration_ms);
    let Record { points, max_points, verdict, .. } = record;
    let verdict = paint.verdict(*verdict);
    let _ = writeln!(text, "\n{verdict}: {points} of {max_points} points, {seconds}");
    text
}

fn one(check: &CheckRecord, paint: Paint, in_full: bool) -> String {
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
            if in_full {
                text.push_str(&failure(check));
            }
        }
    }
    text
}

/// What did not hold, without colour: what was done, what was expected, what came.
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
            let _ = writeln!(text, "    the lab itself broke: {}", check.actual);
        }
    }
    let lines: Vec<_> = check.log.lines().collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "    the program wrote:");
    }
    for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
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

    fn verdict(self, verdict: Verdict) -> String {
        let style = match verdict {
            Verdict::Pass => Style::new().green().bold(),
            Verdict::Fail => Style::new().red().bold(),
            Verdict::Inconclusive => Style::new().yellow().bold(),
            Verdict::HarnessError => Style::new().magenta().bold(),
        };
        self.with(&style, &verdict.to_string())
    }
}
