//! A server with sessions. This file is finished: it translates requests into calls of
//! `Sessions` and their results into replies. Your file is `sessions.rs`.

mod sessions;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use sessions::{Limits, Sessions};
use std::sync::Arc;
use support::Setup;

#[derive(Clone)]
struct App {
    sessions: Arc<Sessions>,
    password: Arc<str>,
}

#[tokio::main]
async fn main() {
    let setup = Setup::read();
    let limits = Limits {
        idle: setup.millis("idle-ms", 30 * 60 * 1000),
        absolute: setup.millis("absolute-ms", 8 * 60 * 60 * 1000),
    };
    let app = App {
        sessions: Arc::new(Sessions::new(limits)),
        password: setup.text("password", "correct-horse").into(),
    };
    let router = Router::new()
        .route("/api/session/start", post(start))
        .route("/api/session", get(get_session))
        .route("/api/session/notes", post(add_note))
        .route("/api/session/end", post(end))
        .with_state(app);
    support::serve(&setup, router).await;
}

type Answer = (StatusCode, Json<Value>);

fn refused(why: &str) -> Answer {
    (StatusCode::UNAUTHORIZED, Json(json!({ "error": why })))
}

/// The session id of the request.
fn id_in(headers: &HeaderMap) -> Option<&str> {
    headers.get("X-Session-ID")?.to_str().ok()
}

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

/// All users have the same password: accounts are not part of this exercise.
async fn start(
    State(app): State<App>,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Answer {
    if login.password != *app.password {
        return refused("wrong username or password");
    }
    let id = app.sessions.start(&login.username, id_in(&headers));
    (StatusCode::CREATED, Json(json!({ "session_id": id })))
}

async fn get_session(State(app): State<App>, headers: HeaderMap) -> Answer {
    match id_in(&headers).and_then(|id| app.sessions.look(id)) {
        Some(seen) => {
            let seen = json!({ "username": seen.username, "notes": seen.notes });
            (StatusCode::OK, Json(seen))
        }
        None => refused("no such session"),
    }
}

#[derive(Deserialize)]
struct Note {
    text: String,
}

async fn add_note(
    State(app): State<App>,
    headers: HeaderMap,
    Json(note): Json<Note>,
) -> Answer {
    match id_in(&headers).and_then(|id| app.sessions.add_note(id, note.text)) {
        Some(notes) => (StatusCode::CREATED, Json(json!({ "notes": notes }))),
        None => refused("no such session"),
    }
}

async fn end(State(app): State<App>, headers: HeaderMap) -> StatusCode {
    if let Some(id) = id_in(&headers) {
        app.sessions.end(id);
    }
    StatusCode::NO_CONTENT
}
