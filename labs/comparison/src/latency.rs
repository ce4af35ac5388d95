//! Latency percentiles of the comparison's requests.

use crate::series::{RequestResult, Series};
use report::figure::RepetitionFigure;
use report::latency::{
    MIN_ANSWERS_FOR_P95, MIN_ANSWERS_FOR_P99, Percentiles, histogram_of, quantile_ms,
};

/// Latencies of successful requests, counted from each request's intended start. Failed
/// requests are counted separately; a request that waits behind a failed one counts with
/// its whole wait.
pub fn percentiles(series: &Series) -> Result<Percentiles, &'static str> {
    let fine =
        series.samples.iter().filter(|sample| sample.result == RequestResult::Success);
    let histogram = histogram_of(fine.map(|sample| sample.latency_us()));
    Percentiles::of(&histogram).ok_or("no request succeeded")
}

/// The median of the successful requests.
pub fn p50(series: &Series) -> RepetitionFigure {
    percentiles(series).map(|found| found.p50)
}

/// The 95th percentile of the successful requests.
pub fn p95(series: &Series) -> RepetitionFigure {
    match percentiles(series)? {
        _ if success_count(series) < MIN_ANSWERS_FOR_P95 => {
            Err("fewer than 60 good answers")
        }
        found => Ok(found.p95),
    }
}

/// The 99th percentile of the successful requests.
pub fn p99(series: &Series) -> RepetitionFigure {
    match percentiles(series)? {
        _ if success_count(series) < MIN_ANSWERS_FOR_P99 => {
            Err("fewer than 200 good answers")
        }
        found => Ok(found.p99),
    }
}

fn success_count(series: &Series) -> usize {
    series.count(|result| result == RequestResult::Success)
}

/// Scheduling delay of the client itself, in milliseconds: the 99th percentile of the time
/// from the intended to the actual start of requests, for users without a request under
/// way.
#[must_use]
pub fn client_late_p99(series: &Series) -> f64 {
    let mut free_since = vec![0; series.users];
    let mut late = Vec::new();
    for sample in &series.samples {
        if free_since[sample.user] <= sample.intended_us {
            late.push(sample.sent_us.saturating_sub(sample.intended_us));
        }
        free_since[sample.user] = sample.completed_us;
    }
    quantile_ms(&histogram_of(late), 0.99)
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
            completed_us: ended_ms * 1_000,
            result: RequestResult::Success,
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
    fn latency_behind_a_stall_counts_from_the_intended_start() {
        // One request each 10 ms is intended; the first stalls for a second, and the later
        // ones take 1 ms each once they are sent.
        let mut samples = vec![sample(0, 0, 1_000)];
        samples.extend((1..100).map(|at| sample(at * 10, 999 + at, 1_000 + at)));
        let found = percentiles(&of(samples.clone())).unwrap();
        assert!(
            found.p50 > 500.0,
            "half of the requests waited half a second: {found:?}"
        );
        let as_sent = samples.iter_mut().map(|one| {
            one.intended_us = one.sent_us;
            one.clone()
        });
        let hidden = percentiles(&of(as_sent.collect())).unwrap();
        assert!(hidden.p50 < 2.0, "the stall would have been hidden: {hidden:?}");
    }

    #[test]
    fn client_delay_excludes_waits_for_an_earlier_request() {
        let waited_behind = vec![sample(0, 0, 50), sample(10, 50, 51)];
        assert!(client_late_p99(&of(waited_behind)) < 0.1);
        let overslept = vec![sample(0, 0, 5), sample(10, 30, 31)];
        assert!(is_about(client_late_p99(&of(overslept)), 20.0));
    }

    #[test]
    fn too_few_answers_give_a_reason_instead_of_percentile() {
        let fine = |count: u64| of((1..=count).map(|ms| sample(0, 0, ms)).collect());
        assert_eq!(p95(&fine(59)), Err("fewer than 60 good answers"));
        assert!(p95(&fine(60)).is_ok());
        assert_eq!(p99(&fine(199)), Err("fewer than 200 good answers"));
        assert!(is_about(p99(&fine(200)).unwrap(), 198.0));
        assert!(is_about(p50(&fine(3)).unwrap(), 2.0), "a median needs no minimum");
    }

    #[test]
    fn no_successful_answer_gives_no_percentile() {
        let mut failed = sample(0, 0, 5);
        failed.result = RequestResult::Failed;
        assert_eq!(percentiles(&of(vec![failed])), Err("no request succeeded"));
    }
}
