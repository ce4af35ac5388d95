//! The metrics recorder of this process and its page in the Prometheus text format.

use crate::process_metrics;
use api_contract::paths;
use axum::response::IntoResponse;
use axum::{Router, routing::get};
use http::header::CONTENT_TYPE;
use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets of every histogram, in seconds. All replicas have the same
/// bounds, so that their buckets can be added up; quantiles of summaries cannot.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Samples are kept one by one, 16 bytes each, until they are sorted into buckets. Without this
/// interval they would pile up between two scrapes, or for ever where nothing scrapes.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(1);

/// `Content-Type` of the text format; Prometheus 3 rejects a page without its version.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One a process: a second recorder would be refused.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

type Collector = Box<dyn Fn() + Send>;

static COLLECTORS: Mutex<Vec<Collector>> = Mutex::new(Vec::new());

/// Starts recording, unless it has been started. A metric handle that was made before
/// this call records nothing.
///
/// # Panics
/// Outside a tokio runtime.
pub fn install() {
    let _handle = handle();
}

/// Runs `collector` before each scrape. For gauges that are cheaper to read then than to
/// keep up to date, such as the connections of a pool.
pub fn add_collector(collector: impl Fn() + Send + 'static) {
    let mut all = COLLECTORS.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(Box::new(collector));
}

/// `GET /metrics`. Starts recording if that has not been done.
///
/// # Panics
/// Outside a tokio runtime.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    install();
    Router::new().route(paths::METRICS, get(page))
}

async fn page() -> impl IntoResponse {
    for collector in &*COLLECTORS.lock().unwrap_or_else(PoisonError::into_inner) {
        collector();
    }
    let text = handle().render() + &process_metrics::render();
    ([(CONTENT_TYPE, TEXT_FORMAT)], text)
}

fn handle() -> &'static PrometheusHandle {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
        let recorder = builder.expect("there are buckets").build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays empty");
        }
        describe();
        tokio::spawn(upkeep(handle.clone()));
        handle
    })
}

async fn upkeep(handle: PrometheusHandle) {
    let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        interval.tick().await;
        handle.run_upkeep();
    }
}

/// The metrics that several programs have, under one name.
fn describe() {
    describe_counter!(
        "http_requests_total",
        "Requests, by method, route template and status of the response"
    );
    describe_histogram!(
        "http_request_duration_seconds",
        "Time from the head of a request to the head of its response"
    );
    describe_gauge!(
        "http_requests_in_flight",
        "Requests that wait for the head of their response"
    );
    describe_gauge!(
        "dependency_up",
        "Whether the last health check of a dependency passed: 1 or 0"
    );
    describe_gauge!("live_sessions", "Live sessions in the memory of this process");
}
