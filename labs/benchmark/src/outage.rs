//! One of three replicas dies. What do those feel who never spoke to it?
//!
//! While the balancer has not noticed, requests may meet the dead one; that window is
//! known, and short. Outside of it nobody should wait much longer than before.

use crate::child::Child;
use crate::pace::{self, Pace, Sample};
use crate::plan::Plan;
use crate::stage::{self, Stage};
use comparison::figure::Figure;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const REPLICAS: usize = 3;

/// What the balancer needs to notice a death: two failed checks, 250 ms apart, of which the
/// first begins within 250 ms.
const DETECTION: Duration = Duration::from_millis(750);

/// Clients, and from one request of each to its next: 400 requests a second, far below what
/// the replicas can do, so that what is measured is the outage and not the queue.
const CLIENTS: u32 = 40;
const EVERY: Duration = Duration::from_millis(100);

/// What users felt, over all repetitions.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Outage {
    /// Milliseconds after the kill that count as the detection window.
    pub detection_ms: u64,
    /// Meant requests a second.
    pub per_second: f64,
    /// Waits before the kill, in milliseconds.
    pub p99_before_ms: Figure,
    /// Waits of requests that were meant within the window.
    pub p99_within_ms: Figure,
    /// Waits after the window.
    pub p99_after_ms: Figure,
    /// After the window, divided by before the kill.
    pub ratio: Figure,
    /// Requests without a good answer, within the window.
    pub failed_within: Figure,
    /// The same after it.
    pub failed_after: Figure,
}

/// One repetition.
#[derive(Clone, Copy, Debug)]
struct Once {
    before: f64,
    within: f64,
    after: f64,
    failed_within: usize,
    failed_after: usize,
}

/// Kills a replica as often as the plan says, each time in a new cluster.
pub(crate) async fn measure(
    stage: &Stage,
    plan: &Plan,
    step: &impl Fn(&str),
) -> anyhow::Result<Outage> {
    let mut all = Vec::new();
    for time in 0..plan.outages {
        step(&format!("a replica dies ({} of {})", time + 1, plan.outages));
        all.push(once(stage, plan.watch, &format!("outage-{time}")).await?);
    }
    let figure = |of: fn(&Once) -> f64| {
        Figure::of(&all.iter().map(|one| Ok(of(one))).collect::<Vec<_>>())
    };
    #[expect(clippy::cast_precision_loss, reason = "a handful of requests")]
    Ok(Outage {
        detection_ms: u64::try_from(DETECTION.as_millis()).unwrap_or(u64::MAX),
        per_second: f64::from(CLIENTS) / EVERY.as_secs_f64(),
        p99_before_ms: figure(|one| one.before),
        p99_within_ms: figure(|one| one.within),
        p99_after_ms: figure(|one| one.after),
        ratio: figure(|one| one.after / one.before.max(1e-3)),
        failed_within: figure(|one| one.failed_within as f64),
        failed_after: figure(|one| one.failed_after as f64),
    })
}

async fn once(stage: &Stage, watch: Duration, group: &str) -> anyhow::Result<Once> {
    let mut replicas: Vec<Child> = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(stage.upload_server("central", group, &[]).await?);
    }
    let behind: Vec<_> = replicas.iter().map(|one| one.address).collect();
    let balancer = stage::our_balancer(&behind).await?;
    let session = stage.session(balancer.address).await?;
    let question = stage::who_is_calling(&session);
    let pace = Pace { clients: CLIENTS, every: EVERY, lasting: watch * 2 };
    let load = pace::keep(balancer.address, &question, pace);
    let kill = async {
        tokio::time::sleep(watch).await;
        replicas[REPLICAS / 2].kill().await
    };
    let (samples, killed) = tokio::join!(load, kill);
    killed?;
    judge(&samples, watch)
}

fn judge(samples: &[Sample], watch: Duration) -> anyhow::Result<Once> {
    let part = |from: Duration, to: Duration| {
        samples.iter().filter(move |one| (from..to).contains(&one.intended))
    };
    let known = watch + DETECTION;
    let failed = |from, to| part(from, to).filter(|one| !one.fine).count();
    let p99 = |from, to| {
        pace::p99_ms(part(from, to))
            .ok_or_else(|| anyhow::anyhow!("nobody got an answer while a replica died"))
    };
    Ok(Once {
        before: p99(Duration::ZERO, watch)?,
        within: p99(watch, known)?,
        after: p99(known, Duration::MAX)?,
        failed_within: failed(watch, known),
        failed_after: failed(known, Duration::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_ms: u64, wait_ms: u64, fine: bool) -> Sample {
        let (intended, wait) =
            (Duration::from_millis(at_ms), Duration::from_millis(wait_ms));
        Sample { intended, wait, fine }
    }

    #[test]
    fn what_falls_into_the_window_of_detection_is_counted_apart() {
        let samples = [
            sample(1_000, 2, true),
            sample(4_100, 300, true),
            sample(4_200, 5_000, false),
            sample(5_000, 4, true),
            sample(6_000, 5_000, false),
        ];
        let once = judge(&samples, Duration::from_secs(4)).unwrap();
        assert!((once.before - 2.0).abs() < 0.1, "{once:?}");
        assert!((once.within - 300.0).abs() < 1.0, "{once:?}");
        assert!((once.after - 4.0).abs() < 0.1, "{once:?}");
        assert_eq!((once.failed_within, once.failed_after), (1, 1));
    }

    #[test]
    fn a_cluster_that_answers_nobody_is_no_figure() {
        assert!(judge(&[sample(1_000, 2, true)], Duration::from_secs(4)).is_err());
    }
}
