//! Latencies in a histogram (HdrHistogram), and their percentiles.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Upper bound of the histogram in microseconds: a minute.
const MAX_LATENCY_US: u64 = 60_000_000;

/// Three significant digits: 12.3 ms and 12.4 ms differ.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Answers that a p95 needs: three of them are slower.
pub const MIN_ANSWERS_FOR_P95: usize = 60;

/// Answers that a p99 needs: two of them are slower. With fewer it would be the latency of
/// the slowest request.
pub const MIN_ANSWERS_FOR_P99: usize = 200;

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile; the maximum if there are fewer than 1,000 values.
    pub p999: f64,
    /// The maximum.
    pub max: f64,
}

impl Percentiles {
    /// From a histogram in microseconds; [`None`] if it is empty.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| quantile_ms(histogram, quantile);
        (!histogram.is_empty()).then(|| Self {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
        })
    }
}

/// An empty histogram of latencies in microseconds. `saturating_record` clamps values above
/// a minute.
#[must_use]
pub fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_LATENCY_US, SIGNIFICANT_DIGITS)
        .expect("one microsecond to a minute is a range")
}

/// The histogram of some latencies in microseconds.
pub fn histogram_of(latencies_us: impl IntoIterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = latency_histogram();
    latencies_us.into_iter().for_each(|value| histogram.saturating_record(value));
    histogram
}

/// A quantile of latencies in microseconds, converted to milliseconds.
#[expect(clippy::cast_precision_loss, reason = "a minute in microseconds is exact")]
#[must_use]
pub fn quantile_ms(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_one_to_a_thousand_are_correct() {
        let histogram = histogram_of((1..=1_000).map(|ms| ms * 1_000));
        let found = Percentiles::of(&histogram).unwrap();
        for (measured, expected) in [
            (found.p50, 500.0),
            (found.p95, 950.0),
            (found.p99, 990.0),
            (found.p999, 999.0),
            (found.max, 1_000.0),
        ] {
            assert!((measured - expected).abs() <= expected / 500.0, "{found:?}");
        }
        assert_eq!(Percentiles::of(&latency_histogram()), None);
    }
}
