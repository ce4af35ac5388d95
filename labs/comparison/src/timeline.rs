//! Requests over time, for plots, in ticks of a tenth of a second.

use crate::scenario::Scenario;
use crate::series::{RequestResult, Series};
use crate::trial::Trial;
use api_contract::design::Design;
use report::statistics::median;
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
    #[serde(rename = "done_ms")]
    pub fault_duration_ms: Option<i64>,
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
    #[serde(rename = "fine")]
    pub successes: usize,
    /// Lost logins.
    #[serde(rename = "lost")]
    pub logins_lost: usize,
    /// Failed requests.
    pub failed: usize,
    /// Median latency of the successful requests, in milliseconds; absent without any.
    pub p50_ms: Option<f64>,
    /// Their maximum latency.
    #[serde(rename = "worst_ms")]
    pub max_ms: Option<f64>,
}

impl Timeline {
    /// Groups requests by the time of their ends.
    #[must_use]
    pub fn of(trial: &Trial) -> Self {
        let series = &trial.series;
        let done = series.fault_start_us.zip(series.fault_end_us);
        Self {
            design: trial.design,
            scenario: trial.scenario,
            fault_duration_ms: done.map(|(fault, done)| ms(done) - ms(fault)),
            ticks: ticks(series),
        }
    }
}

fn ticks(series: &Series) -> Vec<Tick> {
    let fault = signed(series.fault_start_us.unwrap_or(0));
    let mut ticks: Vec<(Tick, Vec<u64>)> = Vec::new();
    let mut samples: Vec<_> = series.samples.iter().collect();
    samples.sort_by_key(|sample| sample.completed_us);
    for sample in samples {
        let number = (signed(sample.completed_us) - fault).div_euclid(signed(TICK_US));
        let at_ms = number * TICK_MS;
        if ticks.last().is_none_or(|(tick, _)| tick.at_ms != at_ms) {
            ticks.push((Tick { at_ms, ..Tick::default() }, Vec::new()));
        }
        let Some((tick, latencies)) = ticks.last_mut() else {
            continue;
        };
        match sample.result {
            RequestResult::Success => {
                tick.successes += 1;
                latencies.push(sample.latency_us());
            }
            RequestResult::LoginLost => tick.logins_lost += 1,
            RequestResult::Failed | RequestResult::TimedOut => tick.failed += 1,
        }
    }
    ticks.into_iter().map(|(tick, latencies)| with_latencies(tick, latencies)).collect()
}

fn with_latencies(mut tick: Tick, latencies: Vec<u64>) -> Tick {
    tick.max_ms = latencies.iter().copied().max().map(latency_ms);
    tick.p50_ms = median(latencies).map(latency_ms);
    tick
}

/// Rounded to hundredths, the resolution of a plot.
#[expect(clippy::cast_precision_loss, reason = "microseconds of a run are exact")]
fn latency_ms(us: u64) -> f64 {
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

    fn sample(intended_ms: u64, ended_ms: u64, result: RequestResult) -> Sample {
        Sample {
            user: 0,
            intended_us: intended_ms * 1_000,
            sent_us: intended_ms * 1_000,
            completed_us: ended_ms * 1_000,
            result,
            served_by: None,
        }
    }

    #[test]
    fn time_counts_from_the_fault_and_earlier_is_negative() {
        let samples = vec![
            sample(0, 10, RequestResult::Success),
            sample(20, 50, RequestResult::Success),
            sample(140, 160, RequestResult::LoginLost),
            sample(150, 170, RequestResult::Failed),
        ];
        let fault_start_us = Some(150_000);
        let series = Series { users: 1, samples, fault_start_us, ..Series::default() };
        let ticks = ticks(&series);
        assert_eq!(
            ticks.iter().map(|tick| tick.at_ms).collect::<Vec<_>>(),
            [-200, -100, 0]
        );
        assert_eq!((ticks[0].successes, ticks[0].p50_ms), (1, Some(10.0)));
        assert_eq!((ticks[1].successes, ticks[1].max_ms), (1, Some(30.0)));
        assert_eq!(
            (ticks[2].logins_lost, ticks[2].failed, ticks[2].p50_ms),
            (1, 1, None)
        );
    }
}
