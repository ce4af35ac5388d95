//! Right: all data of a request is in the database.

use super::Database;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

pub(crate) const DESCRIPTION: &str = r#"
service = "notes"

[[step]]
name = "log in"
request = "POST /login"
json = { user = "${random.user}" }
capture = { session = { json = "/session" } }

[[step]]
name = "write a note"
request = "POST /notes"
headers = { X-Session = "${session}" }
text = "${random.text}"
status = 201
capture = { note = { json = "/id" } }

[[step]]
name = "read it back"
request = "GET /notes/${note}"
headers = { X-Session = "${session}" }
equal = { "/text" = "${random.text}" }
"#;

pub(crate) fn app(database: Database) -> Router {
    with_sessions_in(database.clone(), database)
}

/// The same server with its sessions in another store.
pub(super) fn with_sessions_in(sessions: Database, notes: Database) -> Router {
    Router::new()
        .route("/login", post(log_in))
        .route("/notes", post(write))
        .route("/notes/{id}", get(read))
        .with_state(Stores { sessions, notes })
}

#[derive(Clone)]
struct Stores {
    sessions: Database,
    notes: Database,
}

impl Stores {
    fn admit(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let session = headers.get("x-session").and_then(|value| value.to_str().ok());
        let known = session.and_then(|session| self.sessions.get(session));
        known.map(drop).ok_or(StatusCode::UNAUTHORIZED)
    }
}

async fn log_in(State(stores): State<Stores>, Json(body): Json<Value>) -> Json<Value> {
    let session = stores.sessions.add(body["user"].as_str().unwrap_or_default());
    Json(json!({ "session": session }))
}

async fn write(
    State(stores): State<Stores>,
    headers: HeaderMap,
    text: String,
) -> Result<(StatusCode, Json<Value>), StatusCode> {
    stores.admit(&headers)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": stores.notes.add(&text) }))))
}

async fn read(
    State(stores): State<Stores>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    stores.admit(&headers)?;
    let text = stores.notes.get(&id).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({ "text": text })))
}
