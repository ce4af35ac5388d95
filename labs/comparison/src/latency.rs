//! Percentiles of how long somebody waited: the histogram and the figures that everything
//! here that measures waits has in common, and what the comparison makes of them.

use crate::figure::Once;
use crate::series::{Ended, Series};
use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest that is told apart, in microseconds: a minute.
const LONGEST_US: u64 = 60_000_000;

/// Three significant digits: 12.3 ms and 12.4 ms are two things.
const DIGITS: u8 = 3;

/// Answers of which a p95 is given: three of them are beyond it.
pub const ENOUGH_FOR_P95: usize = 60;

/// Answers of which a p99 is given: two of them are beyond it. Of fewer it would be what
/// happened to the slowest one.
pub const ENOUGH_FOR_P99: usize = 200;

/// How long somebody waited, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half waited longer.
    pub p50: f64,
    /// One in twenty waited longer.
    pub p95: f64,
    /// One in a hundred waited longer.
    pub p99: f64,
    /// One in a thousand waited longer; of fewer than a thousand it is the longest wait.
    pub p999: f64,
    /// Nobody waited longer.
    pub max: f64,
}

impl Percentiles {
    /// Of a histogram of microseconds; [`None`] of an empty one.
    #[must_use]
    pub fn of(waits: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| milliseconds(waits, quantile);
        (!waits.is_empty()).then(|| Self {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
        })
    }
}

/// An empty histogram of waits in microseconds. What is longer than a minute is a minute if
/// it is recorded by `saturating_record`.
///
/// # Panics
/// Never: its range is one.
#[must_use]
pub fn waits() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, DIGITS)
        .expect("one microsecond to a minute is a range")
}

/// A quantile of waits in microseconds, in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "a minute in microseconds is exact")]
#[must_use]
pub fn milliseconds(waits: &Histogram<u64>, quantile: f64) -> f64 {
    waits.value_at_quantile(quantile) as f64 / 1_000.0
}

/// How long users waited for what went well, counted from when each request was meant to
/// start. Requests that failed are counted elsewhere, but who waited behind one is in here
/// with the whole wait.
///
/// # Errors
/// When nothing went well.
pub fn percentiles(series: &Series) -> Result<Percentiles, &'static str> {
    let fine = series.samples.iter().filter(|sample| sample.ended == Ended::Fine);
    let waits = recorded(fine.map(|sample| sample.latency_us()));
    Percentiles::of(&waits).ok_or("no request went well")
}

/// Half of the good answers took longer.
///
/// # Errors
/// When nothing went well.
pub fn p50(series: &Series) -> Once {
    percentiles(series).map(|found| found.p50)
}

/// One good answer in twenty took longer.
///
/// # Errors
/// When there are too few to tell: [`ENOUGH_FOR_P95`].
pub fn p95(series: &Series) -> Once {
    match percentiles(series)? {
        _ if fine(series) < ENOUGH_FOR_P95 => Err("fewer than 60 good answers"),
        found => Ok(found.p95),
    }
}

/// One good answer in a hundred took longer.
///
/// # Errors
/// When there are too few to tell: [`ENOUGH_FOR_P99`].
pub fn p99(series: &Series) -> Once {
    match percentiles(series)? {
        _ if fine(series) < ENOUGH_FOR_P99 => Err("fewer than 200 good answers"),
        found => Ok(found.p99),
    }
}

fn fine(series: &Series) -> usize {
    series.count(|ended| ended == Ended::Fine)
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
    milliseconds(&recorded(late.into_iter()), 0.99)
}

fn recorded(values_us: impl Iterator<Item = u64>) -> Histogram<u64> {
    let mut waits = waits();
    values_us.for_each(|value| waits.saturating_record(value));
    waits
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
    fn percentiles_are_those_of_the_numbers_one_to_a_thousand() {
        let waits = (1..=1_000).map(|ms| sample(0, 0, ms)).collect();
        let found = percentiles(&of(waits)).unwrap();
        for (measured, expected) in [
            (found.p50, 500.0),
            (found.p95, 950.0),
            (found.p99, 990.0),
            (found.p999, 999.0),
            (found.max, 1_000.0),
        ] {
            assert!((measured - expected).abs() <= expected / 500.0, "{found:?}");
        }
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
    fn the_slowest_of_a_few_is_no_percentile_but_a_reason() {
        let fine = |count: u64| of((1..=count).map(|ms| sample(0, 0, ms)).collect());
        assert_eq!(p95(&fine(59)), Err("fewer than 60 good answers"));
        assert!(p95(&fine(60)).is_ok());
        assert_eq!(p99(&fine(199)), Err("fewer than 200 good answers"));
        assert!(is_about(p99(&fine(200)).unwrap(), 198.0));
        assert!(is_about(p50(&fine(3)).unwrap(), 2.0), "a median needs no crowd");
    }

    #[test]
    fn without_a_good_answer_there_is_no_percentile() {
        let mut failed = sample(0, 0, 5);
        failed.ended = Ended::Failed;
        assert_eq!(percentiles(&of(vec![failed])), Err("no request went well"));
    }
}
