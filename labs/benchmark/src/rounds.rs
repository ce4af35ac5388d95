//! Rounds: each server is measured between two measurements of the reference.
//!
//! The speed of a shared machine changes from minute to minute. Figures that are measured within
//! two seconds of each other are measured at the same speed.

use crate::child::processor_seconds;
use crate::load::{self, Question, Replies};
use comparison::cpu_use::CpuMeter;
use comparison::latency::latency_histogram;
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::time::Duration;

/// A server to be measured.
#[derive(Clone, Debug)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) address: SocketAddr,
    pub(crate) question: Question,
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
    pub(crate) waits: Histogram<u64>,
    /// Processor time of the server's processes in seconds, over all rounds.
    pub(crate) processor_seconds: f64,
    /// Processor time of this client in percent of one core, by round.
    pub(crate) client_percent: Vec<f64>,
}

impl ServerRounds {
    fn none() -> Self {
        Self {
            per_second: Vec::new(),
            ratio: Vec::new(),
            waits: latency_histogram(),
            processor_seconds: 0.0,
            client_percent: Vec::new(),
        }
    }

    /// Processor time of the server per reply, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "requests of a run")]
    pub(crate) fn processor_us(&self) -> f64 {
        self.processor_seconds * 1e6 / self.waits.len().max(1) as f64
    }
}

/// The number of rounds and their length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundLength {
    pub(crate) rounds: usize,
    pub(crate) duration: Duration,
    pub(crate) connections: usize,
}

/// Measures all servers in rounds. The reference is the first of the results.
///
/// # Errors
/// When a server sends a wrong reply.
pub(crate) async fn play(
    reference: &Contestant,
    others: &[Contestant],
    round_length: RoundLength,
    step: &impl Fn(&str),
) -> anyhow::Result<Vec<ServerRounds>> {
    let mut results = vec![ServerRounds::none(); others.len() + 1];
    for round in 0..=round_length.rounds {
        // The first round warms up caches and pools and does not count.
        let counts = round > 0;
        step(&format!("round {round} of {}", round_length.rounds));
        let mut before = ask(reference, round_length, 2, counts, &mut results[0]).await?;
        for at in 0..others.len() {
            // Another order in each round, so that no server always follows the same one.
            let at = (at + round) % others.len();
            let theirs =
                ask(&others[at], round_length, 1, counts, &mut results[at + 1]).await?;
            let after = ask(reference, round_length, 2, counts, &mut results[0]).await?;
            if counts {
                let around = f64::midpoint(before, after);
                results[at + 1].ratio.push(theirs / around.max(1e-9));
            }
            before = after;
        }
    }
    Ok(results)
}

/// Measures one server once; returns replies per second.
async fn ask(
    whom: &Contestant,
    round_length: RoundLength,
    shorter: u32,
    counts: bool,
    into: &mut ServerRounds,
) -> anyhow::Result<f64> {
    let before = used(&whom.pids)?;
    let busy = CpuMeter::start();
    let duration = round_length.duration / shorter;
    let answered =
        load::full(whom.address, &whom.question, round_length.connections, duration)
            .await;
    let answered: Replies =
        answered.map_err(|error| error.context(whom.title.clone()))?;
    if counts {
        into.client_percent.push(busy.cpu_use().client_percent);
        into.processor_seconds += used(&whom.pids)? - before;
        into.waits.add(&answered.waits)?;
        into.per_second.push(answered.per_second());
    }
    Ok(answered.per_second())
}

fn used(pids: &[u32]) -> anyhow::Result<f64> {
    pids.iter().map(|pid| processor_seconds(*pid)).sum()
}
