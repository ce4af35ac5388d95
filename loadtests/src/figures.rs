//! Latency percentiles, and the failures by kind.

use crate::sample::{RequestResult, Sample};
use report::latency::{Percentiles, latency_histogram};
use serde::Serialize;
use std::collections::BTreeMap;

/// Figures of a set of requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// All requests, with any result.
    pub(crate) requests: u64,
    /// Successful requests, the population of the percentiles.
    #[serde(rename = "fine")]
    pub(crate) successes: u64,
    /// The other requests, by kind of failure.
    #[serde(rename = "not_fine")]
    pub(crate) failures: BTreeMap<String, u64>,
    /// Latencies from the intended start, in milliseconds.
    pub(crate) from_intended: Option<Percentiles>,
    /// Latencies from the actual start, in milliseconds: the view of a client that slows
    /// down while the server stalls.
    pub(crate) from_sent: Option<Percentiles>,
    /// Answers by replica, the balancer (`lb`) included.
    pub(crate) served_by: BTreeMap<String, u64>,
}

impl Figures {
    /// Computes the figures.
    pub(crate) fn of<'a>(samples: impl Iterator<Item = &'a Sample>) -> Self {
        let (mut intended, mut sent) = (latency_histogram(), latency_histogram());
        let mut figures = Self::default();
        for sample in samples {
            figures.requests += 1;
            if let Some(replica) = &sample.served_by {
                *figures.served_by.entry(replica.clone()).or_default() += 1;
            }
            if sample.result == RequestResult::Success {
                figures.successes += 1;
                let since = |from_us| sample.completed_us.saturating_sub(from_us);
                intended.saturating_record(since(sample.intended_us));
                sent.saturating_record(since(sample.sent_us));
            } else {
                *figures.failures.entry(sample.result.to_string()).or_default() += 1;
            }
        }
        figures.from_intended = Percentiles::of(&intended);
        figures.from_sent = Percentiles::of(&sent);
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Call;

    fn sample(
        meant_ms: u64,
        sent_ms: u64,
        ended_ms: u64,
        result: RequestResult,
    ) -> Sample {
        Sample {
            user: 0,
            call: Call::Session,
            intended_us: meant_ms * 1_000,
            sent_us: sent_ms * 1_000,
            completed_us: ended_ms * 1_000,
            result,
            served_by: Some("r1".to_owned()),
        }
    }

    #[test]
    fn stall_shows_only_in_latency_from_intended_start() {
        // One request each 10 ms is intended; the first stalls for a second, and the later
        // ones take 1 ms each once they are sent.
        let mut samples = vec![sample(0, 0, 1_000, RequestResult::Success)];
        samples.extend(
            (1..100)
                .map(|at| sample(at * 10, 999 + at, 1_000 + at, RequestResult::Success)),
        );
        let found = Figures::of(samples.iter());
        assert!(found.from_intended.unwrap().p50 > 500.0, "{found:?}");
        assert!(found.from_sent.unwrap().p50 < 2.0, "{found:?}");
    }

    #[test]
    fn failures_are_counted_by_kind_outside_percentiles() {
        let samples = [
            sample(0, 0, 5, RequestResult::Success),
            sample(0, 0, 9_000, RequestResult::Status(502)),
            sample(0, 0, 9_000, RequestResult::Status(502)),
            sample(0, 0, 9_000, RequestResult::TimedOut),
        ];
        let found = Figures::of(samples.iter());
        assert_eq!((found.requests, found.successes), (4, 1));
        assert_eq!(found.failures["status 502"], 2);
        assert_eq!(found.failures["timed out"], 1);
        assert!(found.from_intended.unwrap().max < 6.0);
        assert_eq!(found.served_by["r1"], 4);
        let nothing_went_well = Figures::of(samples[1..].iter());
        assert_eq!(nothing_went_well.from_intended, None);
    }
}
