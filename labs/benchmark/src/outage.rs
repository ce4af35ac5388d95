//! Latency of the other clients when one of three replicas dies.
//!
//! Until the balancer has detected the death, requests may reach the dead replica; that window
//! is known and short. Outside of it, latency should hardly change.

use crate::child::ChildProcess;
use crate::open_loop::{self, ArrivalRate, Sample};
use crate::plan::Plan;
use crate::testbed::{self, Testbed};
use report::figure::Figure;
use report::statistics::whole_millis;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const REPLICAS: usize = 3;

/// The time in which the balancer detects a death: two failed checks, 250 ms apart, of which
/// the first starts within 250 ms.
const DETECTION_WINDOW: Duration = Duration::from_millis(750);

/// Clients, and the interval of each: 400 requests per second, far below the capacity of the
/// replicas, so that the outage is measured and not a queue.
const CLIENTS: u32 = 40;
const REQUEST_INTERVAL: Duration = Duration::from_millis(100);

/// Latencies over all repetitions.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Outage {
    /// Milliseconds after the kill that count as the detection window.
    pub detection_ms: u64,
    /// Intended requests per second.
    pub per_second: f64,
    /// Latency before the kill, in milliseconds.
    pub p99_before_ms: Figure,
    /// Latency of requests that were intended within the window.
    pub p99_within_ms: Figure,
    /// Latency after the window.
    pub p99_after_ms: Figure,
    /// After the window, divided by before the kill.
    pub ratio: Figure,
    /// Requests without a correct reply, within the window.
    pub failed_within: Figure,
    /// Requests without a correct reply, after the window.
    pub failed_after: Figure,
}

/// One repetition.
#[derive(Clone, Copy, Debug)]
struct OutageRun {
    before: f64,
    within: f64,
    after: f64,
    failed_within: usize,
    failed_after: usize,
}

/// Kills a replica as often as the plan asks, each time in a new cluster.
pub(crate) async fn measure(
    testbed: &Testbed,
    plan: &Plan,
    step: &impl Fn(&str),
) -> anyhow::Result<Outage> {
    let mut all = Vec::new();
    for time in 0..plan.outages {
        step(&format!("a replica dies ({} of {})", time + 1, plan.outages));
        all.push(run_once(testbed, plan.observation, &format!("outage-{time}")).await?);
    }
    let figure = |of: fn(&OutageRun) -> f64| {
        Figure::of_all(&all.iter().map(of).collect::<Vec<_>>())
    };
    #[expect(clippy::cast_precision_loss, reason = "a handful of requests")]
    Ok(Outage {
        detection_ms: whole_millis(DETECTION_WINDOW),
        per_second: f64::from(CLIENTS) / REQUEST_INTERVAL.as_secs_f64(),
        p99_before_ms: figure(|one| one.before),
        p99_within_ms: figure(|one| one.within),
        p99_after_ms: figure(|one| one.after),
        ratio: figure(|one| one.after / one.before.max(1e-3)),
        failed_within: figure(|one| one.failed_within as f64),
        failed_after: figure(|one| one.failed_after as f64),
    })
}

async fn run_once(
    testbed: &Testbed,
    observation: Duration,
    group: &str,
) -> anyhow::Result<OutageRun> {
    let mut replicas: Vec<ChildProcess> = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(testbed.upload_server("central", group, &[]).await?);
    }
    let backends: Vec<_> = replicas.iter().map(|one| one.address).collect();
    let balancer = testbed::start_balancer(&backends).await?;
    let session = testbed.session(balancer.address).await?;
    let workload = testbed::authenticated_workload(&session);
    let rate = ArrivalRate {
        clients: CLIENTS,
        interval: REQUEST_INTERVAL,
        duration: observation * 2,
    };
    let load = open_loop::run(balancer.address, &workload, rate);
    let kill = async {
        tokio::time::sleep(observation).await;
        replicas[REPLICAS / 2].kill();
    };
    let (samples, ()) = tokio::join!(load, kill);
    percentiles_of(&samples, observation)
}

fn percentiles_of(
    samples: &[Sample],
    observation: Duration,
) -> anyhow::Result<OutageRun> {
    let part = |from: Duration, to: Duration| {
        samples.iter().filter(move |one| (from..to).contains(&one.intended))
    };
    let detected = observation + DETECTION_WINDOW;
    let failed = |from, to| part(from, to).filter(|one| !one.correct).count();
    let p99 = |from, to| {
        open_loop::p99_ms(part(from, to)).ok_or_else(|| {
            anyhow::anyhow!("no request was answered while a replica died")
        })
    };
    Ok(OutageRun {
        before: p99(Duration::ZERO, observation)?,
        within: p99(observation, detected)?,
        after: p99(detected, Duration::MAX)?,
        failed_within: failed(observation, detected),
        failed_after: failed(detected, Duration::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_ms: u64, wait_ms: u64, correct: bool) -> Sample {
        let (intended, latency) =
            (Duration::from_millis(at_ms), Duration::from_millis(wait_ms));
        Sample { intended, latency, correct }
    }

    #[test]
    fn requests_in_the_detection_window_are_counted_separately() {
        let samples = [
            sample(1_000, 2, true),
            sample(4_100, 300, true),
            sample(4_200, 5_000, false),
            sample(5_000, 4, true),
            sample(6_000, 5_000, false),
        ];
        let run_once = percentiles_of(&samples, Duration::from_secs(4)).unwrap();
        assert!((run_once.before - 2.0).abs() < 0.1, "{run_once:?}");
        assert!((run_once.within - 300.0).abs() < 1.0, "{run_once:?}");
        assert!((run_once.after - 4.0).abs() < 0.1, "{run_once:?}");
        assert_eq!((run_once.failed_within, run_once.failed_after), (1, 1));
    }

    #[test]
    fn cluster_without_replies_is_an_error() {
        assert!(
            percentiles_of(&[sample(1_000, 2, true)], Duration::from_secs(4)).is_err()
        );
    }
}
