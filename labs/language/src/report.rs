//! The result of a check, as text with the first offending lines.

use crate::tree::SourceFile;
use std::fmt;

/// The result of one check.
#[derive(Debug)]
pub struct Report {
    pub(crate) name: &'static str,
    pub(crate) rules: Vec<Rule>,
}

/// One figure and its limit.
#[derive(Debug)]
pub(crate) struct Rule {
    title: &'static str,
    limit: Limit,
    /// Lines of prose, or words.
    pub(crate) lines: usize,
    pub(crate) offences: Vec<Offence>,
    /// Whether the limit is one of `lines` and not of `offences`.
    counts_lines: bool,
}

#[derive(Debug)]
enum Limit {
    PerThousandLines(f64),
    Count(usize),
}

/// A line that breaks a rule.
#[derive(Clone, Debug)]
pub(crate) struct Offence(String);

impl Offence {
    pub(crate) fn new(file: &SourceFile, line: usize, text: &str) -> Self {
        Self(format!("{}:{line}: {text}", file.path))
    }
}

impl Rule {
    pub(crate) fn rate(title: &'static str, limit: f64) -> Self {
        Self::new(title, Limit::PerThousandLines(limit))
    }

    pub(crate) fn count(title: &'static str, limit: usize) -> Self {
        Self::new(title, Limit::Count(limit))
    }

    /// A limit for `lines`.
    pub(crate) fn total(title: &'static str, limit: usize) -> Self {
        Self { counts_lines: true, ..Self::new(title, Limit::Count(limit)) }
    }

    fn new(title: &'static str, limit: Limit) -> Self {
        Self { title, limit, lines: 0, offences: Vec::new(), counts_lines: false }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of lines are small")]
    fn rate_per_thousand(&self) -> f64 {
        1000.0 * self.offences.len() as f64 / self.lines.max(1) as f64
    }

    fn holds(&self) -> bool {
        match self.limit {
            Limit::PerThousandLines(limit) => self.rate_per_thousand() < limit,
            Limit::Count(limit) if self.counts_lines => self.lines <= limit,
            Limit::Count(limit) => self.offences.len() <= limit,
        }
    }
}

impl Report {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, rules: Vec::new() }
    }

    /// Whether every figure is within its limit.
    pub fn holds(&self) -> bool {
        self.rules.iter().all(Rule::holds)
    }

    /// The report with up to `shown` offending lines of each rule.
    pub fn text(&self, shown: usize) -> String {
        let mut text = String::new();
        for rule in &self.rules {
            let mark = if rule.holds() { "✔" } else { "✘" };
            text += &format!("{mark} {}, {rule}\n", self.name);
            for Offence(line) in rule.offences.iter().take(shown) {
                text += &format!("    {line}\n");
            }
        }
        text
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (title, found) = (self.title, self.offences.len());
        match self.limit {
            Limit::PerThousandLines(limit) => {
                let (rate, lines) = (self.rate_per_thousand(), self.lines);
                write!(
                    to,
                    "{title}: {rate:.1} of 1,000 lines ({found} of {lines}; below {limit})"
                )
            }
            Limit::Count(limit) if self.counts_lines => {
                write!(to, "{title}: {} (at most {limit})", self.lines)
            }
            Limit::Count(limit) => write!(to, "{title}: {found} (at most {limit})"),
        }
    }
}
