//! A report for people.

use super::{Finding, Report, StepName, Verdict};
use crate::walk::{Event, Exchange};
use std::fmt::{self, Display, Formatter};

/// Columns of running text.
const WIDTH: usize = 88;

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.headline())?;
        for (number, finding) in self.findings.iter().enumerate() {
            write!(out, "\n{}. ", number + 1)?;
            in_words(out, finding)?;
        }
        for refusal in &self.refusals {
            writeln!(out, "\nAll steps at {}, and no other replica:", refusal.instance)?;
            transcript(out, &refusal.transcript)?;
        }
        for (title, lines) in [("Doubts", &self.doubts), ("Not tried", &self.limits)] {
            if !lines.is_empty() {
                writeln!(out, "\n{title}:")?;
            }
            for line in lines {
                wrapped(out, "  - ", line)?;
            }
        }
        let (replicas, users) = (self.instances.join(" and "), self.users);
        let (seed, rounds) = (self.seed, self.rounds);
        write!(
            out,
            "\nreplicas {replicas}; {users} users in {rounds} rounds; seed {seed}"
        )
    }
}

impl Report {
    fn headline(&self) -> String {
        let service = &self.service;
        match self.verdict {
            Verdict::Pass if !self.limits.is_empty() => format!(
                "{service}: stateless, as far as these steps and restarts show. What they \
                 could not show stands below."
            ),
            Verdict::Pass => format!(
                "{service}: stateless, as far as these steps show. Every step works at \
                 every replica."
            ),
            Verdict::Fail => {
                let steps: std::collections::BTreeSet<_> = self
                    .findings
                    .iter()
                    .flat_map(|finding| finding.steps.iter().map(|step| step.number))
                    .collect();
                let (count, s) = (steps.len(), if steps.len() == 1 { "" } else { "s" });
                let verb = if count == 1 { "rests" } else { "rest" };
                format!(
                    "{service}: not stateless. {count} step{s} {verb} on what one \
                         process has to itself."
                )
            }
            Verdict::CouldNotTell if !self.refusals.is_empty() => format!(
                "{service}: could not tell. The steps do not work at one replica alone, so \
                 two replicas would show nothing."
            ),
            Verdict::CouldNotTell => format!(
                "{service}: could not tell. The same experiment did not always end the \
                 same way, or could not be done."
            ),
        }
    }
}

fn in_words(out: &mut Formatter<'_>, finding: &Finding) -> fmt::Result {
    writeln!(out, "State in {}", finding.kind.title())?;
    let (steps, needs) = (list(&finding.steps), list(&finding.needs));
    let verb = if finding.steps.len() == 1 { "needs" } else { "need" };
    wrapped(out, "   ", &format!("{steps} {verb} what {needs} left there."))?;
    wrapped(out, "   Why:       ", finding.why)?;
    wrapped(out, "   Look for:  ", finding.look_for)?;
    wrapped(out, "   Read more: ", finding.read_more)?;
    writeln!(out)?;
    transcript(out, &finding.transcript)
}

fn list(steps: &[StepName]) -> String {
    let names = steps.iter().map(|step| format!("{} {:?}", step.number, step.name));
    let word = if steps.len() == 1 { "step" } else { "steps" };
    format!("{word} {}", names.collect::<Vec<_>>().join(", "))
}

fn transcript(out: &mut Formatter<'_>, events: &[Event]) -> fmt::Result {
    for event in events {
        match event {
            Event::Note { note } => writeln!(out, "   -- {note}")?,
            Event::Exchange(exchange) => one(out, exchange)?,
        }
    }
    Ok(())
}

fn one(out: &mut Formatter<'_>, exchange: &Exchange) -> fmt::Result {
    let Exchange { number, step, instance, served_by, .. } = exchange;
    let says = served_by.as_ref().filter(|by| *by != instance);
    let says = says.map(|by| format!(" (which says it is {by})")).unwrap_or_default();
    let mark = if exchange.ok { "ok" } else { "WRONG" };
    writeln!(out, "   {number} {step:?} at {instance}{says}: {mark}")?;
    writeln!(out, "     $ {}", exchange.curl)?;
    if !exchange.ok {
        writeln!(out, "     expected {}", exchange.expected)?;
    }
    writeln!(out, "     got {}", exchange.actual)
}

/// Text after a margin; further lines stand under the first word.
fn wrapped(out: &mut Formatter<'_>, margin: &str, text: &str) -> fmt::Result {
    let indent = " ".repeat(margin.len());
    let (mut line, mut empty) = (margin.to_owned(), true);
    for word in text.split_whitespace() {
        if !empty && line.len() + 1 + word.len() > WIDTH {
            writeln!(out, "{line}")?;
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
