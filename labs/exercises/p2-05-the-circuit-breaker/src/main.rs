//! Sessions in Redis. This file is finished: it calls Redis through the `Breaker` and
//! passes the results to `answers`. These two are your files; `store.rs` is finished,
//! too.

mod answers;
mod breaker;
mod store;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use breaker::{Breaker, Limits};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::Store;
use support::{Setup, give_up};

struct App {
    store: Store,
    breaker: Breaker,
}

#[tokio::main]
async fn main() {
    let setup = Setup::read();
    let limits = Limits {
        answer: setup.millis("limit-ms", 200),
        failures: setup.number("failures", 3),
        rest: setup.millis("rest-ms", 2000),
    };
    let redis = setup.service("REDIS_URL");
    let store = Store::at(&setup.text("redis", &redis));
    let store = store.unwrap_or_else(|wrong| give_up(&wrong.to_string()));
    let app = App { store, breaker: Breaker::new(limits) };
    let router = Router::new()
        .route("/api/session/start", post(start))
        .route("/api/session", get(get_session))
        .route("/api/about", get(about))
        .with_state(Arc::new(app));
    support::serve(&setup, router).await;
}

#[derive(Deserialize)]
struct Login {
    username: String,
}

/// Without a password, and with an id that the client chooses: authentication is not part
/// of this exercise.
async fn start(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Response {
    let writing = app.store.remember(id_in(&headers), &login.username);
    answers::login(app.breaker.call(writing).await)
}

async fn get_session(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let asking = app.store.user_of(id_in(&headers));
    answers::session(app.breaker.call(asking).await)
}

/// Needs no Redis.
async fn about() -> Json<Value> {
    Json(json!({ "service": "p2-05" }))
}

/// The session id of the request; empty if there is none.
fn id_in(headers: &HeaderMap) -> &str {
    headers.get("X-Session-ID").and_then(|id| id.to_str().ok()).unwrap_or_default()
}
