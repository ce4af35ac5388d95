//! A server that requires a credential on every request. This file is finished: it
//! translates requests into calls of `Identity` and their results into replies. Your
//! files are `identity.rs` and `token.rs`.

mod accounts;
mod identity;
mod token;

use accounts::Accounts;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use identity::{Identity, Presented, Refused, Rules};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use support::Setup;

/// Minimum length of the key, in bytes: the length of the hash (RFC 7518 §3.2).
const KEY_BYTES: usize = 32;

#[tokio::main]
async fn main() {
    let setup = Setup::read();
    let rounds = setup.number("rounds", 10_000);
    let rules = Rules {
        key: key(&setup),
        life: setup.number("life-s", 15 * 60),
        issuer: "lab-login".to_owned(),
        audience: "lab-profile".to_owned(),
    };
    let accounts = Accounts::parse(&setup.text("accounts", "ada:correct-horse"), rounds);
    let identity = Arc::new(Identity::new(accounts, rules));
    let router = Router::new()
        .route("/api/login", post(login))
        .route("/api/profile", get(profile))
        .with_state(identity);
    support::serve(&setup, router).await;
}

/// Reads the key, which is the same for every replica. Every user of the machine can read
/// a command line, so a flag is only acceptable in an exercise.
fn key(setup: &Setup) -> Vec<u8> {
    let key = setup.text("key", "an example key that is not secret");
    if key.len() < KEY_BYTES {
        support::give_up(&format!("--key needs {KEY_BYTES} bytes or more"));
    }
    key.into_bytes()
}

type Answer = (StatusCode, Json<Value>);

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

async fn login(
    State(identity): State<Arc<Identity>>,
    Json(login): Json<Login>,
) -> Answer {
    let work = move || identity.login(&login.username, &login.password);
    answer("token", work).await
}

async fn profile(
    State(identity): State<Arc<Identity>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    let presented = Presented { bearer: bearer(&headers), query };
    answer("username", move || identity.who(&presented)).await
}

/// What follows `Bearer` in the header `Authorization` (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("Authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim().to_owned())
}

/// Runs `work` and converts its result into a reply. A password check is slow and must
/// not block the threads that answer requests, so it runs on a separate thread.
async fn answer(
    name: &str,
    work: impl FnOnce() -> Result<String, Refused> + Send + 'static,
) -> Answer {
    let (status, name, text) = match tokio::task::spawn_blocking(work).await {
        Ok(Ok(text)) => (StatusCode::OK, name, text),
        Ok(Err(Refused(why))) => (StatusCode::UNAUTHORIZED, "error", why.to_owned()),
        Err(panic) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "error", format!("a bug: {panic}"))
        }
    };
    (status, Json(json!({ name: text })))
}
