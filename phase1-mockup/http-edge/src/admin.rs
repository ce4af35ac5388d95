//! `/metrics` in Prometheus text, on a listener of its own that never leaves loopback.

use api_contract::paths;
use axum::{Router, routing::get};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// The process's recorder. One a process: a second install would be refused.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// The admin routes. The first call starts the recording.
pub fn routes() -> Router {
    let handle = RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays empty");
        }
        handle
    });
    Router::new().route(paths::METRICS, get(|| async { handle.render() }))
}
