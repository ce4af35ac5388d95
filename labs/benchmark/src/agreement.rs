//! Compares two runs: a ratio that a second run does not reproduce is not a result.

use crate::goals::ratio;
use crate::report::Report;
use crate::request_cost::REFERENCE;
use report::figure::format_number;

/// Percent by which two runs may differ.
pub const TOLERANCE_PERCENT: f64 = 15.0;

/// A ratio in both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct RatioPair {
    /// The server that it belongs to.
    pub title: String,
    /// Its value in the earlier run.
    pub before: f64,
    /// Its value in the later run.
    pub after: f64,
}

impl RatioPair {
    /// The difference in percent of the greater value.
    #[must_use]
    pub fn difference_percent(&self) -> f64 {
        (self.after - self.before).abs() / self.after.max(self.before).max(1e-9) * 100.0
    }

    /// Whether the difference is within [`TOLERANCE_PERCENT`].
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.difference_percent() <= TOLERANCE_PERCENT
    }

    /// One line for a terminal.
    #[must_use]
    pub fn text_line(&self) -> String {
        let (before, after) = (format_number(self.before), format_number(self.after));
        let verdict = if self.agrees() { "agrees" } else { "DIFFERS" };
        format!(
            "{verdict}: {}: {before} and {after} ({:.0} %)",
            self.title,
            self.difference_percent()
        )
    }
}

/// Every ratio that both runs have.
#[must_use]
pub fn ratio_pairs(before: &Report, after: &Report) -> Vec<RatioPair> {
    let rows = after.request_costs.iter().filter(|cost| cost.name != REFERENCE);
    rows.filter_map(|cost| {
        let (before, after) =
            (ratio(&before.request_costs, &cost.name)?, cost.ratio.median()?);
        Some(RatioPair { title: cost.title.clone(), before, after })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ratios_agree_within_fifteen_percent_of_the_greater() {
        let pair = |before, after| RatioPair { title: "it".to_owned(), before, after };
        assert!(pair(0.86, 1.0).agrees() && pair(1.0, 0.86).agrees());
        assert!(!pair(0.84, 1.0).agrees() && !pair(1.0, 0.84).agrees());
        assert!(pair(0.5, 0.4).text_line().starts_with("DIFFERS: it: 0.5"));
    }
}
