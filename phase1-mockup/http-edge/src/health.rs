//! `/livez` says that the process is up, `/readyz` whether to send it work.

mod checks;

pub use checks::{Check, Standing};

use crate::refusal::Refusal;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::{Message, Ready};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use checks::{Checks, Findings};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process wants work. Cheap to clone; all clones are one switch.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    draining: Arc<AtomicBool>,
    checks: Arc<Checks>,
}

impl Readiness {
    /// Of a server that is ready only if nothing it needs is missing.
    #[must_use]
    pub fn looking_at(checks: Vec<Check>) -> Self {
        Self { draining: Arc::default(), checks: Arc::new(Checks::new(checks)) }
    }

    /// Turns readiness off, for good: a process that drains is about to stop.
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
        return Refusal::new(ProblemKind::Draining)
            .detail("This replica finishes what it has and takes nothing new.")
            .retry_after(1)
            .into_response();
    }
    let findings = readiness.checks.findings().await;
    if findings.values().any(|found| matches!(found, Standing::Missing(_))) {
        return Refusal::new(ProblemKind::NotReady)
            .detail(in_words(&findings))
            .retry_after(1)
            .into_response();
    }
    let well = findings.values().all(|found| *found == Standing::Fine);
    let message = if well { "ready" } else { "degraded" }.to_owned();
    let told = findings.iter().map(|(name, found)| (*name, found.as_str()));
    let checks = told.map(|(name, how)| (name.to_owned(), how.to_owned())).collect();
    Json(Ready { message, checks }).into_response()
}

/// Everything that is not well, the worst first.
fn in_words(findings: &Findings) -> String {
    let mut unwell: Vec<_> =
        findings.iter().filter(|(_, found)| **found != Standing::Fine).collect();
    unwell.sort_by_key(|(_, found)| !matches!(found, Standing::Missing(_)));
    let words = unwell.iter().map(|(name, found)| format!("{name}: {}", found.as_str()));
    words.collect::<Vec<_>>().join("; ")
}
