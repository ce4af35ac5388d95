//! Liveness (`/livez`: the process runs) and readiness (`/readyz`: send it requests).

mod dependencies;

pub use dependencies::{Check, HealthStatus};

use crate::refusal::Refusal;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::{Message, Ready};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use dependencies::{Dependencies, Statuses};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process takes requests. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    draining: Arc<AtomicBool>,
    dependencies: Arc<Dependencies>,
}

impl Readiness {
    /// Readiness of a server that needs these dependencies.
    #[must_use]
    pub fn with_checks(checks: Vec<Check>) -> Self {
        let dependencies = Arc::new(Dependencies::new(checks));
        Self { draining: Arc::default(), dependencies }
    }

    /// Ends readiness for good: a process that drains is about to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether [`Readiness::drain`] was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// The two routes.
pub fn routes(readiness: Readiness) -> Router {
    Router::new()
        .route(paths::LIVEZ, get(livez))
        .route(paths::READYZ, get(readyz))
        .with_state(readiness)
}

async fn livez() -> Json<Message> {
    Json(Message { message: "alive".to_owned() })
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    if readiness.is_draining() {
        return draining();
    }
    let statuses = readiness.dependencies.statuses().await;
    // The checks take time, in which the drain may have begun.
    if readiness.is_draining() {
        return draining();
    }
    if statuses.values().any(|status| matches!(status, HealthStatus::Unavailable(_))) {
        return Refusal::new(ProblemKind::NotReady)
            .detail(unhealthy(&statuses))
            .retry_after(1)
            .into_response();
    }
    let healthy = statuses.values().all(|status| *status == HealthStatus::Healthy);
    let message = if healthy { "ready" } else { "degraded" }.to_owned();
    let checks = statuses
        .iter()
        .map(|(name, status)| ((*name).to_owned(), status.as_str().to_owned()))
        .collect();
    Json(Ready { message, checks }).into_response()
}

fn draining() -> Response {
    Refusal::new(ProblemKind::Draining)
        .detail("This replica finishes its requests and accepts no new ones.")
        .retry_after(1)
        .into_response()
}

/// The dependencies that are not healthy, the unavailable ones first.
fn unhealthy(statuses: &Statuses) -> String {
    let mut unhealthy: Vec<_> =
        statuses.iter().filter(|(_, status)| **status != HealthStatus::Healthy).collect();
    unhealthy.sort_by_key(|(_, status)| !matches!(status, HealthStatus::Unavailable(_)));
    let texts =
        unhealthy.iter().map(|(name, status)| format!("{name}: {}", status.as_str()));
    texts.collect::<Vec<_>>().join("; ")
}
