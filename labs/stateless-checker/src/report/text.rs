//! The report for a terminal.

use super::{Report, StateDependency, StepName};
use crate::user_run::{Exchange, TranscriptEntry};
use outcome::Outcome;
use report::text::counted;
use std::fmt::{self, Display, Formatter};

/// Columns of running text.
const WIDTH: usize = 88;

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.in_columns(usize::MAX).fmt(out)
    }
}

/// A report for a screen with this many columns.
struct WrappedReport<'a>(&'a Report, usize);

impl Display for WrappedReport<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self(report, columns) = *self;
        let prose = columns.min(WIDTH);
        writeln!(out, "{}", report.headline())?;
        for (number, finding) in report.findings.iter().enumerate() {
            write!(out, "\n{}. ", number + 1)?;
            write_finding(out, finding, prose)?;
            write_transcript(out, &finding.transcript, columns)?;
        }
        for refusal in &report.failed_controls {
            writeln!(out, "\nAll steps at {}, and no other replica:", refusal.instance)?;
            write_transcript(out, &refusal.transcript, columns)?;
        }
        for (title, lines) in
            [("Doubts", &report.inconclusive_reasons), ("Not tried", &report.limits)]
        {
            if !lines.is_empty() {
                writeln!(out, "\n{title}:")?;
            }
            for line in lines {
                write_wrapped(out, "  - ", line, prose)?;
            }
        }
        let (users, rounds) =
            (counted(report.users, "user"), counted(report.rounds, "round"));
        let (replicas, seed) = (report.instances.join(" and "), report.seed);
        write!(out, "\nreplicas {replicas}; {users} in {rounds}; seed {seed}")
    }
}

impl Report {
    /// The text with lines of at most `columns` columns, where a line can be broken: between the
    /// words of a command, and after a comma in a reply.
    #[must_use]
    pub fn in_columns(&self, columns: usize) -> impl Display {
        WrappedReport(self, columns)
    }

    fn headline(&self) -> String {
        let service = &self.service;
        match self.outcome {
            Outcome::Pass if !self.limits.is_empty() => format!(
                "{service}: stateless, as far as these steps and restarts show. The limits \
                 of this check are listed below."
            ),
            Outcome::Pass => format!(
                "{service}: stateless, as far as these steps show. Every step works at \
                 every replica."
            ),
            Outcome::Fail => {
                let steps: std::collections::BTreeSet<_> = self
                    .findings
                    .iter()
                    .flat_map(|finding| finding.steps.iter().map(|step| step.number))
                    .collect();
                let verb = if steps.len() == 1 { "depends" } else { "depend" };
                format!(
                    "{service}: not stateless. {} {verb} on state of one process.",
                    counted(steps.len(), "step")
                )
            }
            Outcome::Inconclusive if !self.failed_controls.is_empty() => format!(
                "{service}: inconclusive. The steps do not work at one replica alone, so \
                 two replicas would show nothing."
            ),
            Outcome::Inconclusive | Outcome::HarnessError => format!(
                "{service}: inconclusive. The same experiment did not always have the \
                 same result, or could not be run."
            ),
        }
    }
}

fn write_finding(
    out: &mut Formatter<'_>,
    finding: &StateDependency,
    width: usize,
) -> fmt::Result {
    writeln!(out, "State in {}", finding.kind.title())?;
    let (steps, needs) = (list(&finding.steps), list(&finding.needs));
    let verb = if finding.steps.len() == 1 { "needs" } else { "need" };
    let needed_state = format!("{steps} {verb} what {needs} left there.");
    write_wrapped(out, "   ", &needed_state, width)?;
    write_wrapped(out, "   Why:       ", finding.explanation, width)?;
    write_wrapped(out, "   Look for:  ", finding.code_hints, width)?;
    write_wrapped(out, "   Read more: ", finding.read_more, width)?;
    writeln!(out)
}

fn list(steps: &[StepName]) -> String {
    let names = steps.iter().map(|step| format!("{} {:?}", step.number, step.name));
    let word = if steps.len() == 1 { "step" } else { "steps" };
    format!("{word} {}", names.collect::<Vec<_>>().join(", "))
}

fn write_transcript(
    out: &mut Formatter<'_>,
    events: &[TranscriptEntry],
    width: usize,
) -> fmt::Result {
    for event in events {
        match event {
            TranscriptEntry::Note { note } => write_wrapped(out, "   -- ", note, width)?,
            TranscriptEntry::Exchange(exchange) => write_exchange(out, exchange, width)?,
        }
    }
    Ok(())
}

fn write_exchange(
    out: &mut Formatter<'_>,
    exchange: &Exchange,
    width: usize,
) -> fmt::Result {
    let Exchange { number, step, instance, served_by, .. } = exchange;
    let other = served_by.as_ref().filter(|by| *by != instance);
    let note = other.map(|by| format!(" (X-Served-By: {by})")).unwrap_or_default();
    let mark = if exchange.ok { "ok" } else { "WRONG" };
    writeln!(out, "   {number} {step:?} at {instance}{note}: {mark}")?;
    write_command(out, "     $ ", &exchange.curl, width)?;
    if !exchange.ok {
        write_wrapped(out, "     expected ", &exchange.expected, width)?;
    }
    write_wrapped(out, "     got ", &exchange.actual, width)
}

/// Text after a margin; further lines are indented to the first word.
fn write_wrapped(
    out: &mut Formatter<'_>,
    margin: &str,
    text: &str,
    width: usize,
) -> fmt::Result {
    let indent = " ".repeat(margin.len());
    let (mut line, mut empty) = (margin.to_owned(), true);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for piece in text.split_inclusive([' ', ',']) {
        let more = piece.trim_end().chars().count();
        if !empty && line.chars().count() + more > width {
            writeln!(out, "{}", line.trim_end())?;
            (line, empty) = (indent.clone(), true);
        }
        line.push_str(if empty { piece.trim_start() } else { piece });
        empty &= piece.trim().is_empty();
    }
    writeln!(out, "{}", line.trim_end())
}

/// A shell command, which stays one command however it is broken into lines.
fn write_command(
    out: &mut Formatter<'_>,
    margin: &str,
    text: &str,
    width: usize,
) -> fmt::Result {
    let indent = " ".repeat(margin.len() + 2);
    let (mut line, mut empty) = (margin.to_owned(), true);
    for word in shell_words(text) {
        let more = " ".len() + word.chars().count() + " \\".len();
        if !empty && line.chars().count() + more > width {
            writeln!(out, "{line} \\")?;
            (line, empty) = (indent.clone(), true);
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    writeln!(out, "{line}")
}

/// The words of a shell command with their quotes: a line break inside quotes would become part
/// of the word.
fn shell_words(line: &str) -> impl Iterator<Item = &str> {
    let (mut quote, mut escaped) = (None, false);
    line.split(move |letter| {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), close) if open == close => quote = None,
            (None, ' ') => return true,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURL: &str = "curl -i -X POST http://a/notes -H 'X-Session: 1 and 2' \
        --data-binary '{\"text\":\"it'\\''s a long one\"}'";

    #[test]
    fn broken_command_stays_one_command() {
        let shown = fmt::from_fn(|out| write_command(out, "  $ ", CURL, 40)).to_string();
        assert!(shown.lines().count() > 2, "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 50), "{shown}");
        let pasted = shown.trim_start_matches("  $ ").replace("\\\n", " ");
        assert_eq!(shlex::split(&pasted), shlex::split(CURL), "{shown}");
    }

    #[test]
    fn a_command_that_fits_is_one_line() {
        let shown = fmt::from_fn(|out| write_command(out, "  $ ", CURL, usize::MAX));
        assert_eq!(shown.to_string(), format!("  $ {CURL}\n"));
    }

    #[test]
    fn a_reply_is_broken_after_a_comma() {
        let reply = r#"200 {"id":"0123456789","name":"a.txt","size":12}"#;
        let shown =
            fmt::from_fn(|out| write_wrapped(out, " got ", reply, 30)).to_string();
        let lines =
            [r#" got 200 {"id":"0123456789","#, r#"     "name":"a.txt","size":12}"#];
        assert_eq!(shown.lines().collect::<Vec<_>>(), lines);
    }
}
