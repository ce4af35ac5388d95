//! As many requests as a server answers: each connection sends the next request when the last
//! one is answered.

use crate::connection::Connection;
use crate::request::Request;
use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use report::latency::latency_histogram;
use report::statistics::whole_micros;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The requests, and the status of a correct reply.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    /// Sent round robin; each connection starts at another one.
    pub(crate) requests: Arc<Vec<Request>>,
    /// Any other status ends the measurement, because a refusal is quicker than a reply.
    pub(crate) expected_status: u16,
}

impl Workload {
    pub(crate) fn one(request: Request, expected_status: u16) -> Self {
        Self { requests: Arc::new(vec![request]), expected_status }
    }
}

/// The measured replies.
#[derive(Clone, Debug)]
pub(crate) struct LoadResult {
    pub(crate) replies: u64,
    pub(crate) seconds: f64,
    /// The latency of each reply, in microseconds.
    pub(crate) latencies: Histogram<u64>,
}

impl LoadResult {
    #[expect(clippy::cast_precision_loss, reason = "requests of a round")]
    pub(crate) fn per_second(&self) -> f64 {
        self.replies as f64 / self.seconds.max(1e-6)
    }
}

/// Sends requests on `connections` connections for the given time.
///
/// # Errors
/// When a reply has another status: then nothing was measured.
pub(crate) async fn run(
    address: SocketAddr,
    workload: &Workload,
    connections: usize,
    duration: Duration,
) -> anyhow::Result<LoadResult> {
    let opened = (0..connections).map(|_| Connection::open(address));
    let opened = try_join_all(opened).await.context("cannot connect")?;
    let began = Instant::now();
    let workers = opened.into_iter().enumerate().map(|(at, connection)| {
        tokio::spawn(send_requests(connection, workload.clone(), at, began + duration))
    });
    let mut all = LoadResult { replies: 0, seconds: 0.0, latencies: latency_histogram() };
    for worker in workers.collect::<Vec<_>>() {
        all.latencies.add(worker.await??)?;
    }
    all.seconds = began.elapsed().as_secs_f64();
    all.replies = all.latencies.len();
    Ok(all)
}

async fn send_requests(
    mut connection: Connection,
    workload: Workload,
    first: usize,
    end: Instant,
) -> anyhow::Result<Histogram<u64>> {
    let mut latencies = latency_histogram();
    let requests = workload.requests.iter().cycle().skip(first % workload.requests.len());
    for request in requests {
        let sent = Instant::now();
        if sent >= end {
            break;
        }
        let status = connection.round_trip(request).await.context("no answer")?;
        ensure!(
            status == workload.expected_status,
            "answered {status} instead of {}: {}",
            workload.expected_status,
            String::from_utf8_lossy(connection.body())
        );
        latencies.saturating_record(whole_micros(sent.elapsed()));
    }
    Ok(latencies)
}
