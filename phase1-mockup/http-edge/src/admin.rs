//! `/metrics` in Prometheus text, on a listener of its own that never leaves loopback and
//! answers under a loopback name only.

use crate::health::Readiness;
use crate::request_id::RequestId;
use crate::serve::{Drain, serve};
use crate::{listen, loopback_name};
use anyhow::Context;
use api_contract::paths;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::{Router, routing::get};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

/// The process's recorder. One a process: a second install would be refused.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts the admin listener, if one is asked for, and the recording with it; returns
/// the address taken. It ends with the process.
///
/// # Errors
/// When the address is not loopback or cannot be bound.
pub async fn start(address: Option<SocketAddr>) -> anyhow::Result<Option<SocketAddr>> {
    let Some(address) = address else {
        return Ok(None);
    };
    let listener = listen::bind_admin(address).await?;
    let taken = listener.local_addr().context("the admin listener's address")?;
    let drain = Drain {
        readiness: Readiness::default(),
        grace: Duration::ZERO,
        deadline: Duration::ZERO,
    };
    tokio::spawn(serve(listener, routes(), drain, std::future::pending()));
    Ok(Some(taken))
}

fn routes() -> Router {
    let handle = RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays empty");
        }
        handle
    });
    Router::new()
        .route(paths::METRICS, get(|| async { handle.render() }))
        .layer(from_fn(under_a_loopback_name))
}

async fn under_a_loopback_name(request: Request, next: Next) -> Response {
    match loopback_name::required(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_named_response(RequestId::of(&request).as_str()),
    }
}
