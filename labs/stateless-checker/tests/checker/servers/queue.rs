//! Wrong: accepted jobs wait in a channel of the process.

use super::{Database, Memory};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub(crate) const DESCRIPTION: &str = r#"
service = "reports"

[[step]]
name = "order a report"
request = "POST /reports"
status = 202
capture = { report = { json = "/id" } }

[[step]]
name = "fetch it"
request = "GET /reports/${report}"
equal = { "/state" = "done" }
settle-ms = 700
"#;

/// Duration of a job: longer than the start of a restart.
const WORK: Duration = Duration::from_millis(250);

/// The states of the jobs are in memory as well.
pub(crate) fn app(_database: Database) -> Router {
    with_states_in(Memory::default())
}

/// Every replica can read the state of every job; the jobs themselves are in memory.
pub(crate) fn app_with_states_in_the_database(database: Database) -> Router {
    with_states_in(database)
}

/// Must be called in a runtime, because it spawns the worker.
fn with_states_in(states: Database) -> Router {
    let (queue, jobs) = unbounded_channel();
    tokio::spawn(work(jobs, states.clone()));
    Router::new()
        .route("/reports", post(accept))
        .route("/reports/{id}", get(state))
        .with_state((states, queue))
}

type Stores = (Database, UnboundedSender<String>);

async fn work(mut jobs: UnboundedReceiver<String>, states: Database) {
    while let Some(id) = jobs.recv().await {
        let states = states.clone();
        tokio::spawn(async move {
            tokio::time::sleep(WORK).await;
            states.rows().insert(id, "done".to_owned());
        });
    }
}

async fn accept(State((states, queue)): State<Stores>) -> (StatusCode, Json<Value>) {
    let id = states.add("queued");
    let _the_worker_lives_as_long = queue.send(id.clone());
    (StatusCode::ACCEPTED, Json(json!({ "id": id })))
}

async fn state(
    State((states, _)): State<Stores>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    let state = states.get(&id).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({ "state": state })))
}
