//! An open workload: requests are sent at fixed times, whether or not the last one was
//! answered.

use crate::connection::Connection;
use crate::load::{Question, microseconds};
use comparison::latency::{latency_histogram, quantile_ms};
use futures_util::future::join_all;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The time after which a request is given up.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// The time at which it was intended to be sent, since the start.
    pub(crate) intended: Duration,
    /// From that time to its reply.
    pub(crate) wait: Duration,
    /// Whether the reply was correct.
    pub(crate) fine: bool,
}

/// The rate of requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) clients: u32,
    /// The interval between two requests of one client.
    pub(crate) every: Duration,
    pub(crate) duration: Duration,
}

/// Sends requests at that rate. Latency counts from the intended time, so that a stall is in
/// the latency of every request that it delayed (coordinated omission).
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
    while intended < pace.duration {
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
    matches!(tokio::time::timeout(REQUEST_TIMEOUT, asked).await, Ok(Ok(true)))
}

/// The 99th percentile of the correct replies, in milliseconds.
pub(crate) fn p99_ms<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<f64> {
    let mut all = latency_histogram();
    for sample in samples.filter(|sample| sample.fine) {
        all.saturating_record(microseconds(sample.wait));
    }
    (!all.is_empty()).then(|| quantile_ms(&all, 0.99))
}
