//! Inconclusive: a replica finds the notes of the others every second time, or answers that it
//! is too busy.

use super::Database;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const DESCRIPTION: &str = r#"
service = "lottery"

[[step]]
name = "write"
request = "POST /notes"
text = "${random.text}"
capture = { note = { json = "/id" } }

[[step]]
name = "read"
request = "GET /notes/${note}"
equal-text = "${random.text}"
"#;

pub(crate) fn app(database: Database) -> Router {
    that_refuses(|asked| (asked % 2 == 1).then_some(StatusCode::NOT_FOUND), database)
}

/// Answers "not now" to requests for the notes of others.
pub(crate) fn busy(database: Database) -> Router {
    that_refuses(|_| Some(StatusCode::SERVICE_UNAVAILABLE), database)
}

/// The reply to a request for the notes of others, if not the note.
type Refuse = fn(u64) -> Option<StatusCode>;

fn that_refuses(refuse: Refuse, database: Database) -> Router {
    let own = Database::default();
    Router::new()
        .route("/notes", post(write))
        .route("/notes/{id}", get(read))
        .with_state((database, own, Arc::default(), refuse))
}

/// All notes, the replica's own, and the number of requests for others.
type Stores = (Database, Database, Arc<AtomicU64>, Refuse);

async fn write(State((all, own, _, _)): State<Stores>, text: String) -> Json<Value> {
    let id = all.add(&text);
    own.rows().insert(id.clone(), text);
    Json(json!({ "id": id }))
}

async fn read(
    State((all, own, asked, refuse)): State<Stores>,
    Path(id): Path<String>,
) -> Result<String, StatusCode> {
    let foreign = own.get(&id).is_none();
    let refused = foreign.then(|| refuse(asked.fetch_add(1, Ordering::Relaxed)));
    if let Some(Some(status)) = refused {
        return Err(status);
    }
    all.get(&id).ok_or(StatusCode::NOT_FOUND)
}
