//! Percentiles of how long users waited.

use crate::series::{Ended, Series};
use hdrhistogram::Histogram;

/// The longest that is told apart, in microseconds: a minute.
const LONGEST_US: u64 = 60_000_000;

/// Three significant digits: 12.3 ms and 12.4 ms are two things.
const DIGITS: u8 = 3;

/// How long users waited for what went well, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentiles {
    /// Half waited longer.
    pub p50: f64,
    /// One in twenty waited longer.
    pub p95: f64,
    /// One in a hundred waited longer.
    pub p99: f64,
}

/// Counted from when each request was meant to start. Requests that failed are counted
/// elsewhere, but who waited behind one is in here with the whole wait. [`None`] when
/// nothing went well.
#[must_use]
pub fn percentiles(series: &Series) -> Option<Percentiles> {
    let fine = series.samples.iter().filter(|sample| sample.ended == Ended::Fine);
    let waits = histogram(fine.map(|sample| sample.latency_us()));
    (!waits.is_empty()).then(|| Percentiles {
        p50: at(&waits, 0.50),
        p95: at(&waits, 0.95),
        p99: at(&waits, 0.99),
    })
}

/// How late the client itself was, in milliseconds: between the moment that a request was
/// meant to start and the moment it did, for users who were waiting for nothing else. One
/// in a hundred was later.
#[must_use]
pub fn client_late_p99(series: &Series) -> f64 {
    let mut free_since = vec![0; series.users];
    let mut late = Vec::new();
    for sample in &series.samples {
        if free_since[sample.user] <= sample.intended_us {
            late.push(sample.sent_us.saturating_sub(sample.intended_us));
        }
        free_since[sample.user] = sample.ended_us;
    }
    at(&histogram(late.into_iter()), 0.99)
}

fn histogram(values_us: impl Iterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, LONGEST_US, DIGITS)
        .expect("one microsecond to a minute is a range");
    for value in values_us {
        histogram.saturating_record(value);
    }
    histogram
}

#[expect(clippy::cast_precision_loss, reason = "a minute in microseconds is exact")]
fn at(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Sample;

    fn sample(intended_ms: u64, sent_ms: u64, ended_ms: u64) -> Sample {
        Sample {
            user: 0,
            intended_us: intended_ms * 1_000,
            sent_us: sent_ms * 1_000,
            ended_us: ended_ms * 1_000,
            ended: Ended::Fine,
            served_by: None,
        }
    }

    fn of(samples: Vec<Sample>) -> Series {
        Series { users: 1, samples, ..Series::default() }
    }

    fn is_about(measured: f64, expected: f64) -> bool {
        (measured - expected).abs() <= expected / 100.0
    }

    #[test]
    fn percentiles_are_those_of_the_numbers_one_to_a_hundred() {
        let waits = (1..=100).map(|ms| sample(0, 0, ms)).collect();
        let found = percentiles(&of(waits)).unwrap();
        assert!(is_about(found.p50, 50.0), "{found:?}");
        assert!(is_about(found.p95, 95.0), "{found:?}");
        assert!(is_about(found.p99, 99.0), "{found:?}");
    }

    #[test]
    fn who_waited_behind_a_stall_waited_since_they_meant_to_ask() {
        // One request in 10 ms is meant; the first stalls for a second, and the ones after
        // it take 1 ms each once they are sent.
        let mut samples = vec![sample(0, 0, 1_000)];
        samples.extend((1..100).map(|at| sample(at * 10, 999 + at, 1_000 + at)));
        let found = percentiles(&of(samples.clone())).unwrap();
        assert!(found.p50 > 500.0, "half of them waited half a second: {found:?}");
        let as_sent = samples.iter_mut().map(|one| {
            one.intended_us = one.sent_us;
            one.clone()
        });
        let hidden = percentiles(&of(as_sent.collect())).unwrap();
        assert!(hidden.p50 < 2.0, "the stall would have been hidden: {hidden:?}");
    }

    #[test]
    fn a_client_is_late_only_where_nothing_kept_it() {
        let waited_behind = vec![sample(0, 0, 50), sample(10, 50, 51)];
        assert!(client_late_p99(&of(waited_behind)) < 0.1);
        let overslept = vec![sample(0, 0, 5), sample(10, 30, 31)];
        assert!(is_about(client_late_p99(&of(overslept)), 20.0));
    }

    #[test]
    fn without_a_good_answer_there_is_no_percentile() {
        let mut failed = sample(0, 0, 5);
        failed.ended = Ended::Failed;
        assert_eq!(percentiles(&of(vec![failed])), None);
    }
}
