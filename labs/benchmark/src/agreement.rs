//! Compares two runs: a ratio that a second run does not reproduce is not a result.

use crate::reads::REFERENCE;
use crate::report::Report;
use crate::targets::ratio;
use comparison::figure::format_number;

/// Percent by which two runs may differ.
pub const TOLERANCE_PERCENT: f64 = 15.0;

/// A ratio in both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The server that it belongs to.
    pub title: String,
    /// Its value in the earlier run.
    pub before: f64,
    /// Its value in the later run.
    pub now: f64,
}

impl Pair {
    /// The difference in percent of the greater value.
    #[must_use]
    pub fn percent(&self) -> f64 {
        (self.now - self.before).abs() / self.now.max(self.before).max(1e-9) * 100.0
    }

    /// Whether the difference is within [`TOLERANCE_PERCENT`].
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.percent() <= TOLERANCE_PERCENT
    }

    /// One line for a terminal.
    #[must_use]
    pub fn line(&self) -> String {
        let (before, now) = (format_number(self.before), format_number(self.now));
        let says = if self.agrees() { "agrees" } else { "DIFFERS" };
        format!("{says}: {}: {before} and {now} ({:.0} %)", self.title, self.percent())
    }
}

/// Every ratio that both runs have.
#[must_use]
pub fn pairs(before: &Report, now: &Report) -> Vec<Pair> {
    let rows = now.reads.iter().filter(|read| read.name != REFERENCE);
    rows.filter_map(|read| {
        let (before, now) = (ratio(&before.reads, &read.name)?, read.ratio.median()?);
        Some(Pair { title: read.title.clone(), before, now })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ratios_agree_within_fifteen_percent_of_the_greater() {
        let pair = |before, now| Pair { title: "it".to_owned(), before, now };
        assert!(pair(0.86, 1.0).agrees() && pair(1.0, 0.86).agrees());
        assert!(!pair(0.84, 1.0).agrees() && !pair(1.0, 0.84).agrees());
        assert!(pair(0.5, 0.4).line().starts_with("DIFFERS: it: 0.5"));
    }
}
