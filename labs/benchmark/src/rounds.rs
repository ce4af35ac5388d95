//! Rounds: each server is measured between two measurements of the reference.
//!
//! The speed of a shared machine changes from minute to minute. Figures that are measured within
//! two seconds of each other are measured at the same speed.

use crate::child::processor_seconds;
use crate::closed_loop::{self, LoadResult, Workload};
use comparison::cpu_use::CpuMeter;
use hdrhistogram::Histogram;
use report::latency::latency_histogram;
use std::net::SocketAddr;
use std::time::Duration;

/// A server to be measured.
#[derive(Clone, Debug)]
pub(crate) struct MeasuredServer {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) address: SocketAddr,
    pub(crate) workload: Workload,
    /// The processes with the counted processor time.
    pub(crate) pids: Vec<u32>,
}

/// The figures of one server over all rounds.
#[derive(Clone, Debug)]
pub(crate) struct ServerRounds {
    /// Replies per second, by round.
    pub(crate) per_second: Vec<f64>,
    /// The same, divided by the reference measured before and after.
    pub(crate) ratio: Vec<f64>,
    /// Latency in microseconds, over all rounds.
    pub(crate) latencies: Histogram<u64>,
    /// Processor time of the server's processes in seconds, over all rounds.
    pub(crate) processor_seconds: f64,
    /// Processor time of this client in percent of one core, by round.
    pub(crate) client_percent: Vec<f64>,
}

impl ServerRounds {
    fn empty() -> Self {
        Self {
            per_second: Vec::new(),
            ratio: Vec::new(),
            latencies: latency_histogram(),
            processor_seconds: 0.0,
            client_percent: Vec::new(),
        }
    }

    /// Processor time of the server per reply, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "requests of a run")]
    pub(crate) fn processor_us(&self) -> f64 {
        self.processor_seconds * 1e6 / self.latencies.len().max(1) as f64
    }
}

/// The number of rounds and their length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundPlan {
    pub(crate) rounds: usize,
    pub(crate) duration: Duration,
    pub(crate) connections: usize,
}

/// Measures all servers in rounds. The reference is the first of the results.
///
/// # Errors
/// When a server sends a wrong reply.
pub(crate) async fn run_rounds(
    reference: &MeasuredServer,
    others: &[MeasuredServer],
    plan: RoundPlan,
    step: &impl Fn(&str),
) -> anyhow::Result<Vec<ServerRounds>> {
    let mut results = vec![ServerRounds::empty(); others.len() + 1];
    for round in 0..=plan.rounds {
        // The first round warms up caches and pools and does not count.
        let is_counted = round > 0;
        step(&format!("round {round} of {}", plan.rounds));
        let mut before =
            measure_once(reference, plan, 2, is_counted, &mut results[0]).await?;
        for at in 0..others.len() {
            // Another order in each round, so that no server always follows the same one.
            let at = (at + round) % others.len();
            let per_second =
                measure_once(&others[at], plan, 1, is_counted, &mut results[at + 1])
                    .await?;
            let after =
                measure_once(reference, plan, 2, is_counted, &mut results[0]).await?;
            if is_counted {
                let around = f64::midpoint(before, after);
                results[at + 1].ratio.push(per_second / around.max(1e-9));
            }
            before = after;
        }
    }
    Ok(results)
}

/// Measures one server once; returns replies per second.
async fn measure_once(
    server: &MeasuredServer,
    plan: RoundPlan,
    divisor: u32,
    is_counted: bool,
    rounds: &mut ServerRounds,
) -> anyhow::Result<f64> {
    let before = processor_seconds_of(&server.pids)?;
    let cpu_meter = CpuMeter::start();
    let duration = plan.duration / divisor;
    let result =
        closed_loop::run(server.address, &server.workload, plan.connections, duration)
            .await;
    let result: LoadResult =
        result.map_err(|error| error.context(server.title.clone()))?;
    if is_counted {
        rounds.client_percent.push(cpu_meter.cpu_use().client_percent);
        rounds.processor_seconds += processor_seconds_of(&server.pids)? - before;
        rounds.latencies.add(&result.latencies)?;
        rounds.per_second.push(result.per_second());
    }
    Ok(result.per_second())
}

fn processor_seconds_of(pids: &[u32]) -> anyhow::Result<f64> {
    pids.iter().map(|pid| processor_seconds(*pid)).sum()
}
