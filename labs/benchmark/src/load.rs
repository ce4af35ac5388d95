//! As many requests as a server answers: each connection sends the next request when the last
//! one is answered.

use crate::connection::Connection;
use crate::request::Request;
use anyhow::{Context, ensure};
use comparison::latency::latency_histogram;
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The requests, and the status of a correct reply.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Sent round robin; each connection starts at another one.
    pub(crate) requests: Arc<Vec<Request>>,
    /// Any other status ends the measurement, because a refusal is quicker than a reply.
    pub(crate) status: u16,
}

impl Question {
    pub(crate) fn one(request: Request, status: u16) -> Self {
        Self { requests: Arc::new(vec![request]), status }
    }
}

/// The measured replies.
#[derive(Clone, Debug)]
pub(crate) struct Replies {
    pub(crate) answers: u64,
    pub(crate) seconds: f64,
    /// The latency of each reply, in microseconds.
    pub(crate) waits: Histogram<u64>,
}

impl Replies {
    #[expect(clippy::cast_precision_loss, reason = "requests of a round_length")]
    pub(crate) fn per_second(&self) -> f64 {
        self.answers as f64 / self.seconds.max(1e-6)
    }
}

/// Sends requests on `connections` connections for the given time.
///
/// # Errors
/// When a reply has another status: then nothing was measured.
pub(crate) async fn full(
    address: SocketAddr,
    question: &Question,
    connections: usize,
    duration: Duration,
) -> anyhow::Result<Replies> {
    let opened = (0..connections).map(|_| Connection::open(address));
    let opened = try_join_all(opened).await.context("cannot connect")?;
    let began = Instant::now();
    let workers = opened.into_iter().enumerate().map(|(at, connection)| {
        tokio::spawn(work(connection, question.clone(), at, began + duration))
    });
    let mut all = Replies { answers: 0, seconds: 0.0, waits: latency_histogram() };
    for worker in workers.collect::<Vec<_>>() {
        all.waits.add(worker.await??)?;
    }
    all.seconds = began.elapsed().as_secs_f64();
    all.answers = all.waits.len();
    Ok(all)
}

async fn work(
    mut connection: Connection,
    question: Question,
    first: usize,
    until: Instant,
) -> anyhow::Result<Histogram<u64>> {
    let mut waits = latency_histogram();
    let requests = question.requests.iter().cycle().skip(first % question.requests.len());
    for request in requests {
        let sent = Instant::now();
        if sent >= until {
            break;
        }
        let status = connection.ask(request).await.context("no answer")?;
        ensure!(
            status == question.status,
            "answered {status} instead of {}: {}",
            question.status,
            String::from_utf8_lossy(connection.body())
        );
        waits.saturating_record(microseconds(sent.elapsed()));
    }
    Ok(waits)
}

/// A duration in whole microseconds.
pub(crate) fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
