//! Percentiles of exact values, and durations as whole numbers.
//!
//! A percentile is the smallest value that so many percent of all values do not exceed (nearest
//! rank). HdrHistogram, which [`latency`](crate::latency) uses, has the same definition.

use std::cmp::Ordering;
use std::time::Duration;

/// The percentile of some values; [`None`] without a value.
pub fn percentile<T: Copy + PartialOrd>(
    values: impl IntoIterator<Item = T>,
    percent: usize,
) -> Option<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied()
}

/// The median of some values, the smaller of two middle ones; [`None`] without a value.
pub fn median<T: Copy + PartialOrd>(values: impl IntoIterator<Item = T>) -> Option<T> {
    percentile(values, 50)
}

/// A duration in whole microseconds.
#[must_use]
pub fn whole_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A duration in whole milliseconds.
#[must_use]
pub fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::{latency_histogram, quantile_ms};

    #[test]
    fn percentile_is_the_value_at_the_nearest_rank() {
        assert_eq!(percentile(1..=200, 99), Some(198));
        assert_eq!(percentile([30, 10, 20], 100), Some(30));
        assert_eq!(percentile([7], 1), Some(7));
        assert_eq!(percentile([0_u8; 0], 99), None);
    }

    #[test]
    fn median_of_two_values_is_the_smaller() {
        assert_eq!(median([2.0, 1.0]), Some(1.0));
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([0_u8; 0]), None);
    }

    #[test]
    fn exact_percentiles_and_histogram_have_one_definition() {
        for count in [1, 2, 99, 100, 101, 1_000] {
            let mut histogram = latency_histogram();
            (1..=count).for_each(|us| histogram.saturating_record(us));
            for percent in [50_u8, 90, 95, 99] {
                let exact = percentile(1..=count, usize::from(percent)).expect("a value");
                let share = f64::from(percent) / 100.0;
                assert_eq!(quantile_ms(&histogram, share) * 1_000.0, exact as f64);
            }
        }
    }
}
