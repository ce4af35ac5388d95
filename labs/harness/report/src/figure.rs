//! A figure over all repetitions of a run, or the reason for its absence.

use crate::statistics::median;
use serde::{Deserialize, Serialize};

/// The figure of one repetition, or the reason for its absence.
pub type RepetitionFigure = Result<f64, &'static str>;

/// The figure over all repetitions.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Figure {
    /// At least one repetition gave a figure.
    Measured {
        /// The median; the smaller of two middle values.
        median: f64,
        /// The smallest.
        low: f64,
        /// The greatest.
        high: f64,
        /// Repetitions without a figure; the other members exclude them.
        missing: usize,
    },
    /// No repetition gave a figure.
    Absent {
        /// The reason.
        #[serde(rename = "why")]
        reason: String,
    },
}

impl Figure {
    /// Summarizes the figures of all repetitions.
    #[must_use]
    pub fn of(repetitions: &[RepetitionFigure]) -> Self {
        let values: Vec<f64> =
            repetitions.iter().filter_map(|one| one.ok()).map(rounded).collect();
        let reason = repetitions.iter().find_map(|one| one.err());
        match median(values.iter().copied()) {
            None => Self::absent(reason.unwrap_or("nothing was measured")),
            Some(median) => Self::Measured {
                median,
                low: values.iter().copied().fold(median, f64::min),
                high: values.iter().copied().fold(median, f64::max),
                missing: repetitions.len() - values.len(),
            },
        }
    }

    /// Summarizes the figures of repetitions that all gave one.
    #[must_use]
    pub fn of_all(values: &[f64]) -> Self {
        Self::of(&values.iter().map(|value| Ok(*value)).collect::<Vec<_>>())
    }

    /// A missing figure, with the reason.
    #[must_use]
    pub fn absent(reason: &str) -> Self {
        Self::Absent { reason: reason.to_owned() }
    }

    /// The median, if there is one.
    #[must_use]
    pub const fn median(&self) -> Option<f64> {
        match self {
            Self::Measured { median, .. } => Some(*median),
            Self::Absent { .. } => None,
        }
    }

    /// As a cell of a table: the median and, if repetitions differ, the range.
    #[must_use]
    pub fn table_cell(&self) -> String {
        match self {
            Self::Measured { median, low, high, missing } => {
                let mut text = format_number(*median);
                if format_number(*low) != format_number(*high) {
                    text += &format!(
                        " ({} to {})",
                        format_number(*low),
                        format_number(*high)
                    );
                }
                match missing {
                    0 => text,
                    missing => format!("{text}, {missing} without"),
                }
            }
            Self::Absent { reason } => format!("none: {reason}"),
        }
    }
}

/// Rounded to thousandths: more digits are noise and make reports hard to compare.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// A number for readers: whole if it is an integer or at least 100.
#[must_use]
pub fn format_number(value: f64) -> String {
    let size = value.abs();
    if value == value.round() || size >= 100.0 {
        return grouped(value);
    }
    match size {
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.01 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// With a comma between groups of three digits.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|chunk| std::str::from_utf8(chunk).ok())
        .collect();
    let sign = if value < 0.0 && digits != "0" { "-" } else { "" };
    format!("{sign}{}", groups.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_repetitions_give_a_median_and_a_range() {
        let figure = Figure::of(&[Ok(3.0), Ok(1.0), Ok(2.0)]);
        let (median, low, high) = (2.0, 1.0, 3.0);
        assert_eq!(figure, Figure::Measured { median, low, high, missing: 0 });
        assert_eq!(figure.table_cell(), "2 (1 to 3)");
    }

    #[test]
    fn one_repetition_has_no_range() {
        assert_eq!(Figure::of(&[Ok(12.345)]).table_cell(), "12.3");
    }

    #[test]
    fn missing_figure_has_a_reason_and_no_number() {
        let never = Figure::of(&[Err("no user is revoked here"); 2]);
        assert_eq!(never.median(), None);
        assert_eq!(never.table_cell(), "none: no user is revoked here");
        let repetitions = Figure::of(&[Ok(5.0), Err("not within the watch")]);
        assert_eq!(repetitions.table_cell(), "5, 1 without");
    }

    #[test]
    fn numbers_are_formatted_for_readers() {
        let written = [0.0, 0.004, 0.123, 12.34, 123.4, 1_234_567.0, -2_048.0];
        let written = written.map(format_number);
        assert_eq!(written, ["0", "0.004", "0.12", "12.3", "123", "1,234,567", "-2,048"]);
    }
}
