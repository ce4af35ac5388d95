//! Latencies of requests before the fault and since it.

use report::latency::{MIN_ANSWERS_FOR_P99, histogram_of, quantile_ms};
use serde::Serialize;

/// The latencies of some requests, from the first byte sent to the end of the answer.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Latencies {
    /// The number of requests.
    pub(crate) requests: usize,
    /// The median in milliseconds; [`None`] without a request.
    pub(crate) p50_ms: Option<f64>,
    /// The 99th percentile in milliseconds; [`None`] with too few requests, because it
    /// would be the slowest one.
    pub(crate) p99_ms: Option<f64>,
    /// The slowest request in milliseconds.
    pub(crate) max_ms: Option<f64>,
}

impl Latencies {
    /// From latencies in microseconds.
    pub(crate) fn of(latencies_us: impl IntoIterator<Item = u64>) -> Self {
        let histogram = histogram_of(latencies_us);
        let requests = usize::try_from(histogram.len()).unwrap_or(usize::MAX);
        let at = |quantile| (requests > 0).then(|| quantile_ms(&histogram, quantile));
        let p99_ms = if requests < MIN_ANSWERS_FOR_P99 { None } else { at(0.99) };
        Self { requests, p50_ms: at(0.5), p99_ms, max_ms: at(1.0) }
    }

    /// The median and the 99th percentile; with few requests the slowest of them.
    pub(crate) fn cell(&self) -> String {
        match (self.p99_ms, self.requests) {
            (None, 1..) => format!("{} of {}", self.short_cell(), self.requests),
            _ => self.short_cell(),
        }
    }

    /// The same for a table that has the number of requests in another row.
    pub(crate) fn short_cell(&self) -> String {
        match (self.p50_ms, self.p99_ms, self.max_ms) {
            (Some(p50), Some(p99), _) => format!("{} / {}", ms(p50), ms(p99)),
            (Some(p50), None, Some(max)) => format!("{} / max {}", ms(p50), ms(max)),
            _ => "no request".to_owned(),
        }
    }
}

/// Milliseconds with a decimal below 100.
fn ms(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_requests_have_a_maximum_and_no_p99() {
        let few = Latencies::of((1..=12).map(|ms| ms * 1_000));
        assert_eq!(few.p99_ms, None);
        assert_eq!(few.cell(), "6.0 / max 12.0 of 12");
        assert_eq!(few.short_cell(), "6.0 / max 12.0");
        let many = Latencies::of((1..=200).map(|ms| ms * 1_000));
        assert_eq!(many.cell(), "100 / 198");
        assert_eq!(Latencies::of([]).cell(), "no request");
    }
}
