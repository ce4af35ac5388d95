//! Requests over time, for plots, in ticks of a tenth of a second.

use crate::scenario::Scenario;
use crate::series::{Ended, Series};
use crate::trial::Trial;
use api_contract::design::Design;
use serde::Serialize;

/// Microseconds of a tick.
const TICK_US: u64 = 100_000;

/// Milliseconds of a tick.
pub const TICK_MS: i64 = 100;

/// One design in one scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timeline {
    /// The design.
    pub design: Design,
    /// The scenario.
    pub scenario: Scenario,
    /// From the start of the fault to its end, in milliseconds; absent without a fault.
    pub done_ms: Option<i64>,
    /// In order, without ticks that have no answer.
    pub ticks: Vec<Tick>,
}

/// The requests that ended in one tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Tick {
    /// Start of the tick, in milliseconds since the fault or, without a fault, since the
    /// start of the load.
    pub at_ms: i64,
    /// Successful requests.
    pub fine: usize,
    /// Lost logins.
    pub lost: usize,
    /// Failed requests.
    pub failed: usize,
    /// Median latency of the successful requests, in milliseconds; absent without any.
    pub p50_ms: Option<f64>,
    /// Their maximum latency.
    pub worst_ms: Option<f64>,
}

impl Timeline {
    /// Groups requests by the time of their ends.
    #[must_use]
    pub fn of(trial: &Trial) -> Self {
        let series = &trial.series;
        let done = series.fault_us.zip(series.done_us);
        Self {
            design: trial.design,
            scenario: trial.scenario,
            done_ms: done.map(|(fault, done)| ms(done) - ms(fault)),
            ticks: ticks(series),
        }
    }
}

fn ticks(series: &Series) -> Vec<Tick> {
    let fault = signed(series.fault_us.unwrap_or(0));
    let mut ticks: Vec<(Tick, Vec<u64>)> = Vec::new();
    let mut samples: Vec<_> = series.samples.iter().collect();
    samples.sort_by_key(|sample| sample.ended_us);
    for sample in samples {
        let number = (signed(sample.ended_us) - fault).div_euclid(signed(TICK_US));
        let at_ms = number * TICK_MS;
        if ticks.last().is_none_or(|(tick, _)| tick.at_ms != at_ms) {
            ticks.push((Tick { at_ms, ..Tick::default() }, Vec::new()));
        }
        let Some((tick, waits)) = ticks.last_mut() else {
            continue;
        };
        match sample.ended {
            Ended::Fine => {
                tick.fine += 1;
                waits.push(sample.latency_us());
            }
            Ended::LoginLost => tick.lost += 1,
            Ended::Failed | Ended::TimedOut => tick.failed += 1,
        }
    }
    ticks.into_iter().map(|(tick, waits)| with_waits(tick, waits)).collect()
}

fn with_waits(mut tick: Tick, mut waits: Vec<u64>) -> Tick {
    waits.sort_unstable();
    let at = |index: usize| waits.get(index).copied().map(wait_ms);
    let last = waits.len().wrapping_sub(1);
    (tick.p50_ms, tick.worst_ms) = (at(last / 2), at(last));
    tick
}

/// Rounded to hundredths, the resolution of a plot.
#[expect(clippy::cast_precision_loss, reason = "microseconds of a run are exact")]
fn wait_ms(us: u64) -> f64 {
    (us as f64 / 10.0).round() / 100.0
}

fn signed(us: u64) -> i64 {
    i64::try_from(us).unwrap_or(i64::MAX)
}

fn ms(us: u64) -> i64 {
    signed(us) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Sample;

    fn sample(intended_ms: u64, ended_ms: u64, ended: Ended) -> Sample {
        Sample {
            user: 0,
            intended_us: intended_ms * 1_000,
            sent_us: intended_ms * 1_000,
            ended_us: ended_ms * 1_000,
            ended,
            served_by: None,
        }
    }

    #[test]
    fn time_counts_from_the_fault_and_earlier_is_negative() {
        let samples = vec![
            sample(0, 10, Ended::Fine),
            sample(20, 50, Ended::Fine),
            sample(140, 160, Ended::LoginLost),
            sample(150, 170, Ended::Failed),
        ];
        let fault_us = Some(150_000);
        let series = Series { users: 1, samples, fault_us, ..Series::default() };
        let ticks = ticks(&series);
        assert_eq!(
            ticks.iter().map(|tick| tick.at_ms).collect::<Vec<_>>(),
            [-200, -100, 0]
        );
        assert_eq!((ticks[0].fine, ticks[0].p50_ms), (1, Some(10.0)));
        assert_eq!((ticks[1].fine, ticks[1].worst_ms), (1, Some(30.0)));
        assert_eq!((ticks[2].lost, ticks[2].failed, ticks[2].p50_ms), (1, 1, None));
    }
}
