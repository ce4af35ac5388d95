//! In turns: each contestant stands between two turns of the reference.
//!
//! A shared machine is faster in one minute than in the next. What is measured within two
//! seconds of its reference is measured on the same machine.

use crate::child::processor_seconds;
use crate::load::{self, Answered, Question};
use comparison::latency::waits;
use comparison::load::Stopwatch;
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::time::Duration;

/// Somebody who is asked.
#[derive(Clone, Debug)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) address: SocketAddr,
    pub(crate) question: Question,
    /// The processes whose processor time the answer costs.
    pub(crate) pids: Vec<u32>,
}

/// What came of all the turns of one contestant.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    /// Answers a second, turn by turn.
    pub(crate) per_second: Vec<f64>,
    /// The same, divided by the reference around it.
    pub(crate) ratio: Vec<f64>,
    /// Waits in microseconds, of all turns together.
    pub(crate) waits: Histogram<u64>,
    /// Processor time of the contestant's processes, in seconds, of all turns together.
    pub(crate) processor_seconds: f64,
    /// Processor time of this client, in percent of one core, turn by turn.
    pub(crate) client_percent: Vec<f64>,
}

impl Turns {
    fn none() -> Self {
        Self {
            per_second: Vec::new(),
            ratio: Vec::new(),
            waits: waits(),
            processor_seconds: 0.0,
            client_percent: Vec::new(),
        }
    }

    /// Processor time of its processes for one answer, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "requests of a run")]
    pub(crate) fn processor_us(&self) -> f64 {
        self.processor_seconds * 1e6 / self.waits.len().max(1) as f64
    }
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) rounds: usize,
    pub(crate) lasting: Duration,
    pub(crate) connections: usize,
}

/// Everybody in turns. The reference comes first in what is returned.
///
/// # Errors
/// When somebody answers anything but what was asked for.
pub(crate) async fn play(
    reference: &Contestant,
    others: &[Contestant],
    turn: Turn,
    step: &impl Fn(&str),
) -> anyhow::Result<Vec<Turns>> {
    let mut results = vec![Turns::none(); others.len() + 1];
    for round in 0..=turn.rounds {
        // The first round is for caches, pools and whatever else warms up.
        let counts = round > 0;
        step(&format!("round {round} of {}", turn.rounds));
        let mut before = ask(reference, turn, 2, counts, &mut results[0]).await?;
        for at in 0..others.len() {
            // Another order each time, so that nobody always follows the same one.
            let at = (at + round) % others.len();
            let theirs = ask(&others[at], turn, 1, counts, &mut results[at + 1]).await?;
            let after = ask(reference, turn, 2, counts, &mut results[0]).await?;
            if counts {
                let around = f64::midpoint(before, after);
                results[at + 1].ratio.push(theirs / around.max(1e-9));
            }
            before = after;
        }
    }
    Ok(results)
}

/// One turn; answers a second.
async fn ask(
    whom: &Contestant,
    turn: Turn,
    shorter: u32,
    counts: bool,
    into: &mut Turns,
) -> anyhow::Result<f64> {
    let before = used(&whom.pids)?;
    let busy = Stopwatch::start();
    let lasting = turn.lasting / shorter;
    let answered =
        load::full(whom.address, &whom.question, turn.connections, lasting).await;
    let answered: Answered =
        answered.map_err(|error| error.context(whom.title.clone()))?;
    if counts {
        into.client_percent.push(busy.read().client_percent);
        into.processor_seconds += used(&whom.pids)? - before;
        into.waits.add(&answered.waits)?;
        into.per_second.push(answered.per_second());
    }
    Ok(answered.per_second())
}

fn used(pids: &[u32]) -> anyhow::Result<f64> {
    pids.iter().map(|pid| processor_seconds(*pid)).sum()
}
