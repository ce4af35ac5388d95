//! An open workload: requests are sent at fixed times, whether or not the last one was
//! answered.

use crate::closed_loop::Workload;
use crate::connection::Connection;
use futures_util::future::join_all;
use report::latency::{histogram_of, quantile_ms};
use report::statistics::whole_micros;
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
    pub(crate) latency: Duration,
    /// Whether the reply was correct.
    pub(crate) correct: bool,
}

/// The rate of requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArrivalRate {
    pub(crate) clients: u32,
    /// The interval between two requests of one client.
    pub(crate) interval: Duration,
    pub(crate) duration: Duration,
}

/// Sends requests at that rate. Latency counts from the intended time, so that a stall is in
/// the latency of every request that it delayed (coordinated omission).
pub(crate) async fn run(
    address: SocketAddr,
    workload: &Workload,
    rate: ArrivalRate,
) -> Vec<Sample> {
    let started_at = Instant::now();
    let clients = (0..rate.clients).map(|client| {
        let first = rate.interval * client / rate.clients;
        tokio::spawn(run_client(address, workload.clone(), started_at, first, rate))
    });
    let all = join_all(clients.collect::<Vec<_>>()).await;
    all.into_iter().flatten().flatten().collect()
}

async fn run_client(
    address: SocketAddr,
    workload: Workload,
    started_at: Instant,
    first: Duration,
    rate: ArrivalRate,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut connection = None;
    let mut intended = first;
    while intended < rate.duration {
        tokio::time::sleep_until((started_at + intended).into()).await;
        let correct = send_once(address, &mut connection, &workload).await;
        let latency = started_at.elapsed().saturating_sub(intended);
        samples.push(Sample { intended, latency, correct });
        intended += rate.interval;
    }
    samples
}

async fn send_once(
    address: SocketAddr,
    connection: &mut Option<Connection>,
    workload: &Workload,
) -> bool {
    let exchange = async {
        let mut open = match connection.take() {
            Some(open) => open,
            None => Connection::open(address).await?,
        };
        let status = open.round_trip(&workload.requests[0]).await?;
        *connection = Some(open);
        std::io::Result::Ok(status == workload.expected_status)
    };
    matches!(tokio::time::timeout(REQUEST_TIMEOUT, exchange).await, Ok(Ok(true)))
}

/// The 99th percentile of the correct replies, in milliseconds.
pub(crate) fn p99_ms<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<f64> {
    let correct = samples.filter(|sample| sample.correct);
    let all = histogram_of(correct.map(|sample| whole_micros(sample.latency)));
    (!all.is_empty()).then(|| quantile_ms(&all, 0.99))
}
