//! As many requests as are meant, at the times they are meant, whether or not the last one
//! was answered: users do not wait for servers before they become impatient.

use crate::connection::Connection;
use crate::load::{Question, microseconds};
use comparison::latency::{milliseconds, waits};
use futures_util::future::join_all;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an answer may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// When it was meant to be sent, since the beginning.
    pub(crate) intended: Duration,
    /// From then to its answer.
    pub(crate) wait: Duration,
    /// Whether the answer was what it should be.
    pub(crate) fine: bool,
}

/// How much is meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) clients: u32,
    /// From one request of a client to its next.
    pub(crate) every: Duration,
    pub(crate) lasting: Duration,
}

/// Asks at that pace. Waits count from when a request was meant, so that a stall is in all
/// the waits that it caused (co-ordinated omission).
pub(crate) async fn keep(
    address: SocketAddr,
    question: &Question,
    pace: Pace,
) -> Vec<Sample> {
    let began = Instant::now();
    let clients = (0..pace.clients).map(|client| {
        let first = pace.every * client / pace.clients;
        tokio::spawn(ask_on(address, question.clone(), began, first, pace))
    });
    let all = join_all(clients.collect::<Vec<_>>()).await;
    all.into_iter().flatten().flatten().collect()
}

async fn ask_on(
    address: SocketAddr,
    question: Question,
    began: Instant,
    first: Duration,
    pace: Pace,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut connection = None;
    let mut intended = first;
    while intended < pace.lasting {
        tokio::time::sleep_until((began + intended).into()).await;
        let fine = once(address, &mut connection, &question).await;
        let wait = began.elapsed().saturating_sub(intended);
        samples.push(Sample { intended, wait, fine });
        intended += pace.every;
    }
    samples
}

async fn once(
    address: SocketAddr,
    connection: &mut Option<Connection>,
    question: &Question,
) -> bool {
    let asked = async {
        let mut open = match connection.take() {
            Some(open) => open,
            None => Connection::open(address).await?,
        };
        let status = open.ask(&question.requests[0]).await?;
        *connection = Some(open);
        std::io::Result::Ok(status == question.status)
    };
    matches!(tokio::time::timeout(PATIENCE, asked).await, Ok(Ok(true)))
}

/// The 99th percentile of the good ones among these, in milliseconds.
pub(crate) fn p99_ms<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<f64> {
    let mut all = waits();
    for sample in samples.filter(|sample| sample.fine) {
        all.saturating_record(microseconds(sample.wait));
    }
    (!all.is_empty()).then(|| milliseconds(&all, 0.99))
}
