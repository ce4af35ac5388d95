//! Wrong: tickets are numbered by a counter in the process.

use super::Database;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const DESCRIPTION: &str = r#"
service = "tickets"

[[step]]
name = "take a ticket"
request = "POST /tickets"
capture = { first = { json = "/number" } }

[[step]]
name = "take another"
request = "POST /tickets"
greater = { "/number" = "${first}" }
"#;

pub(crate) fn app(_database: Database) -> Router {
    let next = Arc::new(AtomicU64::new(1));
    Router::new().route("/tickets", post(take)).with_state(next)
}

async fn take(State(next): State<Arc<AtomicU64>>) -> Json<Value> {
    Json(json!({ "number": next.fetch_add(1, Ordering::Relaxed) }))
}
