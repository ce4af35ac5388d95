//! Sessions that all replicas share. This file is finished: it translates requests into
//! calls of `Sessions` and their results into replies. Your file is `sessions.rs`.

mod redis_link;
mod sessions;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use redis_link::Trouble;
use serde::Deserialize;
use serde_json::{Value, json};
use sessions::{Limits, Session, Sessions};
use std::sync::Arc;
use std::time::Duration;
use support::{Setup, give_up};

/// Maximum delay of a note, in milliseconds.
const MAX_THINK_MS: u64 = 5000;

#[tokio::main]
async fn main() {
    let setup = Setup::read();
    let limits = Limits {
        idle: setup.millis("idle-ms", 30 * 60 * 1000),
        absolute: setup.millis("absolute-ms", 8 * 60 * 60 * 1000),
    };
    let redis = redis_link::connect(&setup.service("REDIS_URL"))
        .unwrap_or_else(|trouble| give_up(&trouble.to_string()));
    let router = Router::new()
        .route("/api/session/start", post(start))
        .route("/api/session", get(get_session))
        .route("/api/session/notes", post(add_note))
        .route("/api/session/end", post(end))
        .with_state(Arc::new(Sessions::new(redis, limits)));
    support::serve(&setup, router).await;
}

type Answer = (StatusCode, Json<Value>);

/// The session does not exist: Redis has answered.
fn unknown() -> Answer {
    (StatusCode::UNAUTHORIZED, Json(json!({ "error": "no such session" })))
}

/// The session's state is unknown: Redis does not answer or has failed.
fn failed(trouble: &Trouble) -> Answer {
    eprintln!("redis: {trouble}");
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": "try again" })))
}

/// The session id of the request; empty if there is none.
fn id_in(headers: &HeaderMap) -> &str {
    headers.get("X-Session-ID").and_then(|id| id.to_str().ok()).unwrap_or_default()
}

#[derive(Deserialize)]
struct Login {
    username: String,
}

/// Without a password: authentication is not part of this exercise.
async fn start(
    State(sessions): State<Arc<Sessions>>,
    Json(login): Json<Login>,
) -> Result<Answer, Answer> {
    let id = random_id();
    let session = Session { username: login.username, notes: Vec::new() };
    sessions.create(&id, &session).await.map_err(|trouble| failed(&trouble))?;
    Ok((StatusCode::CREATED, Json(json!({ "session_id": id }))))
}

async fn get_session(
    State(sessions): State<Arc<Sessions>>,
    headers: HeaderMap,
) -> Result<Answer, Answer> {
    let seen =
        sessions.look(id_in(&headers)).await.map_err(|trouble| failed(&trouble))?;
    let Session { username, notes } = seen.ok_or_else(unknown)?;
    Ok((StatusCode::OK, Json(json!({ "username": username, "notes": notes }))))
}

#[derive(Deserialize)]
struct Note {
    text: String,
    /// Delay of the change in milliseconds. A real server would call another server
    /// meanwhile.
    #[serde(default)]
    think_ms: u64,
}

async fn add_note(
    State(sessions): State<Arc<Sessions>>,
    headers: HeaderMap,
    Json(Note { text, think_ms }): Json<Note>,
) -> Result<Answer, Answer> {
    let think = Duration::from_millis(think_ms.min(MAX_THINK_MS));
    let change = |mut session: Session| async {
        tokio::time::sleep(think).await;
        session.notes.push(text.clone());
        session
    };
    let changed = sessions.update(id_in(&headers), change).await;
    let changed = changed.map_err(|trouble| failed(&trouble))?.ok_or_else(unknown)?;
    Ok((StatusCode::CREATED, Json(json!({ "notes": changed.notes.len() }))))
}

async fn end(
    State(sessions): State<Arc<Sessions>>,
    headers: HeaderMap,
) -> Result<StatusCode, Answer> {
    sessions.end(id_in(&headers)).await.map_err(|trouble| failed(&trouble))?;
    Ok(StatusCode::NO_CONTENT)
}

/// 128 bits from the operating system's generator.
fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system's generator works");
    format!("{:032x}", u128::from_be_bytes(bytes))
}
