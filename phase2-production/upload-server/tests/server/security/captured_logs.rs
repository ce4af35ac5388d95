//! Captured logs of all processes of a test: replicas, Postgres and Redis. The balancer
//! runs as a task of the test process, so its log is captured by a subscriber.

use super::test_app::TestApp;
use crate::stores::{StoreKind, postgres_log};
use anyhow::Context;
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// The log of the balancers of this process since the capture began.
#[derive(Clone, Default)]
struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for LogBuffer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogBuffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Starts the capture, once per process, with a more verbose filter than that of the real
/// balancer.
pub(crate) fn capture() {
    balancer_buffer();
}

fn balancer_buffer() -> &'static LogBuffer {
    static BUFFER: OnceLock<LogBuffer> = OnceLock::new();
    BUFFER.get_or_init(|| {
        let buffer = LogBuffer::default();
        let filter = tracing_subscriber::EnvFilter::new("info,load_balancer=trace");
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(buffer.clone());
        log.try_init().expect("no other subscriber in this process");
        buffer
    })
}

/// The log of the balancers so far.
fn balancer_log() -> String {
    let bytes = balancer_buffer().0.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// All logs of an application, each with the name of its source. Call [`capture`] before
/// the actions to be logged.
pub(crate) async fn logs(
    app: &TestApp,
    kind: StoreKind,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut logs = vec![("the balancer".to_owned(), balancer_log())];
    for replica in app.replicas() {
        let name = replica.server.ready().replica_id.clone();
        logs.push((name.clone(), replica.server.log()));
        logs.push((format!("{name}'s standard output"), replica.server.output()));
        logs.push((format!("{name}'s metrics"), replica.server.metrics().await?));
    }
    if let Some(redis) = &app.stores.redis {
        let file = redis.log().context("a private Redis has a log")?;
        logs.push(("Redis".to_owned(), std::fs::read_to_string(file)?));
    }
    if kind == StoreKind::Real {
        logs.push(("Postgres".to_owned(), postgres_log().await?));
    }
    Ok(logs)
}

/// Waits until the request id is in the logs of the balancer and of a replica: by then,
/// all log lines of the request are written.
pub(crate) async fn wait_until_logged(
    app: &TestApp,
    request_id: &str,
) -> anyhow::Result<()> {
    let condition = format!("the request {request_id} in two logs");
    eventually(PROCESS_TIMEOUT, &condition, async || {
        let replicas = app.replicas();
        let replica = replicas.iter().any(|one| one.server.log().contains(request_id));
        Ok((replica && balancer_log().contains(request_id)).then_some(()))
    })
    .await
}
