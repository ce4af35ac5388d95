//! Latency percentiles, and the failures by kind.

use crate::sample::{Ended, Sample};
use comparison::latency::{Percentiles, waits};
use serde::Serialize;
use std::collections::BTreeMap;

/// Figures of a set of requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// All requests, with any result.
    pub(crate) requests: u64,
    /// Successful requests, the population of the percentiles.
    pub(crate) fine: u64,
    /// The other requests, by kind of failure.
    pub(crate) not_fine: BTreeMap<String, u64>,
    /// Latencies from the intended start, in milliseconds.
    #[serde(rename = "from_intended")]
    pub(crate) from_meant: Option<Percentiles>,
    /// Latencies from the actual start, in milliseconds: the view of a client that slows
    /// down while the server stalls.
    pub(crate) from_sent: Option<Percentiles>,
    /// Answers by replica, the balancer (`lb`) included.
    pub(crate) served_by: BTreeMap<String, u64>,
}

impl Figures {
    /// Computes the figures.
    pub(crate) fn of<'a>(samples: impl Iterator<Item = &'a Sample>) -> Self {
        let (mut meant, mut sent) = (waits(), waits());
        let mut figures = Self::default();
        for sample in samples {
            figures.requests += 1;
            if let Some(who) = &sample.served_by {
                *figures.served_by.entry(who.clone()).or_default() += 1;
            }
            if sample.ended == Ended::Fine {
                figures.fine += 1;
                let since = |from_us| sample.ended_us.saturating_sub(from_us);
                meant.saturating_record(since(sample.meant_us));
                sent.saturating_record(since(sample.sent_us));
            } else {
                *figures.not_fine.entry(sample.ended.to_string()).or_default() += 1;
            }
        }
        figures.from_meant = Percentiles::of(&meant);
        figures.from_sent = Percentiles::of(&sent);
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Call;

    fn sample(meant_ms: u64, sent_ms: u64, ended_ms: u64, ended: Ended) -> Sample {
        Sample {
            user: 0,
            call: Call::Session,
            meant_us: meant_ms * 1_000,
            sent_us: sent_ms * 1_000,
            ended_us: ended_ms * 1_000,
            ended,
            served_by: Some("r1".to_owned()),
        }
    }

    #[test]
    fn stall_shows_only_in_latency_from_intended_start() {
        // One request each 10 ms is intended; the first stalls for a second, and the later
        // ones take 1 ms each once they are sent.
        let mut samples = vec![sample(0, 0, 1_000, Ended::Fine)];
        samples.extend(
            (1..100).map(|at| sample(at * 10, 999 + at, 1_000 + at, Ended::Fine)),
        );
        let found = Figures::of(samples.iter());
        assert!(found.from_meant.unwrap().p50 > 500.0, "{found:?}");
        assert!(found.from_sent.unwrap().p50 < 2.0, "{found:?}");
    }

    #[test]
    fn failures_are_counted_by_kind_outside_percentiles() {
        let samples = [
            sample(0, 0, 5, Ended::Fine),
            sample(0, 0, 9_000, Ended::Status(502)),
            sample(0, 0, 9_000, Ended::Status(502)),
            sample(0, 0, 9_000, Ended::TimedOut),
        ];
        let found = Figures::of(samples.iter());
        assert_eq!((found.requests, found.fine), (4, 1));
        assert_eq!(found.not_fine["status 502"], 2);
        assert_eq!(found.not_fine["timed out"], 1);
        assert!(found.from_meant.unwrap().max < 6.0);
        assert_eq!(found.served_by["r1"], 4);
        let nothing_went_well = Figures::of(samples[1..].iter());
        assert_eq!(nothing_went_well.from_meant, None);
    }
}
