//! `/livez` says that the process is up, `/readyz` whether to send it work.

use crate::refusal::Refusal;
use api_contract::Message;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process wants work. Cheap to clone; all clones are one switch.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    draining: Arc<AtomicBool>,
}

impl Readiness {
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
    Json(Message { message: "ready".to_owned() }).into_response()
}
