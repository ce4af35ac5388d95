//! The reason for the latencies since the fault.

use crate::demo::latency::Latencies;
use crate::demo::scenario::Scenario;

/// The factor between two latencies that a busy machine may cause by itself.
const NOTABLE_FACTOR: f64 = 2.0;

/// The change of the slowest requests with the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// One side has no request.
    Unknown,
    Faster,
    Small,
    Slower,
}

impl Change {
    /// Compares the same figure of both sides: the p99, or the maximum if one side has
    /// too few requests for a p99.
    fn of(before: &Latencies, since: &Latencies) -> Self {
        let p99 = before.p99_ms.zip(since.p99_ms);
        let max = before.max_ms.zip(since.max_ms);
        let Some((before, since)) = p99.or(max) else { return Self::Unknown };
        if since > before * NOTABLE_FACTOR {
            Self::Slower
        } else if before > since * NOTABLE_FACTOR {
            Self::Faster
        } else {
            Self::Small
        }
    }
}

/// The reason for the latencies of a configuration since the fault.
pub(super) fn latency_since(
    before: &Latencies,
    since: &Latencies,
    scenario: Scenario,
) -> &'static str {
    match Change::of(before, since) {
        Change::Unknown => {
            "There is no request before the fault or none since, so there is nothing to \
             compare."
        }
        Change::Faster => {
            "The slowest requests took less than half as long as before the fault, so it \
             did not slow them down."
        }
        Change::Small => "The slowest requests took about as long as before the fault.",
        Change::Slower => slower(scenario),
    }
}

const fn slower(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::KillAReplica | Scenario::CentralStore => {
            "The slowest requests met the fault: they waited for the replica that died, \
             or shared the machine with the logins that followed."
        }
        Scenario::RestartEverything => {
            "The slowest requests met the fault: they waited for replicas that died, or \
             shared the machine with new processes and the logins that followed."
        }
        Scenario::RollingRestart => {
            "The slowest requests shared the machine with the processes that stopped and \
             started, and with the logins that followed."
        }
        Scenario::ScaleOut => {
            "The slowest requests competed with the start of a process for this machine."
        }
        Scenario::RedisGoesAway => {
            "The slowest requests waited for Redis until the circuit breaker opened, or for \
             the database, which now serves all of them."
        }
        Scenario::PostgresRestarts => "The slowest requests waited for the database.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Latencies of requests that took equally long.
    fn equal(requests: usize, ms: u64) -> Latencies {
        Latencies::of(std::iter::repeat_n(ms * 1_000, requests))
    }

    #[test]
    fn slowest_requests_are_compared_by_the_same_figure() {
        let (many_fast, many_slow) = (equal(400, 10), equal(400, 100));
        let (few_fast, few_slow) = (equal(12, 10), equal(12, 100));
        // The p99 is 10 ms and the maximum 100 ms.
        let one_slow = Latencies::of(std::iter::repeat_n(10_000, 400).chain([100_000]));
        let none = equal(0, 0);
        for (before, since, change) in [
            (&many_fast, &equal(400, 19), Change::Small),
            (&many_fast, &many_slow, Change::Slower),
            (&many_slow, &many_fast, Change::Faster),
            (&few_slow, &few_fast, Change::Faster),
            (&many_fast, &few_slow, Change::Slower),
            (&one_slow, &many_fast, Change::Small),
            (&one_slow, &few_slow, Change::Small),
            (&few_slow, &one_slow, Change::Small),
            (&none, &many_fast, Change::Unknown),
            (&many_fast, &none, Change::Unknown),
        ] {
            assert_eq!(Change::of(before, since), change, "{before:?} {since:?}");
        }
    }

    #[test]
    fn each_change_has_a_reason_of_its_own() {
        let (fast, slow, none) = (equal(400, 10), equal(400, 100), equal(0, 0));
        for scenario in Scenario::ALL {
            let pairs = [(&fast, &fast), (&slow, &fast), (&fast, &slow), (&fast, &none)];
            let reasons =
                pairs.map(|(before, since)| latency_since(before, since, scenario));
            for (place, reason) in reasons.iter().enumerate() {
                assert!(!reasons[..place].contains(reason), "{scenario:?}: {reason}");
            }
        }
    }
}
