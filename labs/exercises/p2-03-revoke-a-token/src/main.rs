//! A server that issues access tokens. This file is finished: it translates requests into
//! calls of `Refreshes` and `Revocation`. Your files are `refresh.rs` and
//! `revocation.rs`.

mod claims;
mod jws;
mod refresh;
mod revocation;
mod store;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use claims::Claims;
use redis::RedisError;
use refresh::{Refreshes, Session};
use revocation::{Lives, Mode, Revocation};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use support::Setup;

#[derive(Clone)]
struct App {
    refreshes: Arc<Refreshes>,
    revocation: Arc<Revocation>,
    key: Arc<[u8]>,
}

#[tokio::main]
async fn main() {
    let setup = Setup::read();
    let store = store::open(&setup.service("REDIS_URL"));
    let lives = Lives {
        usual: setup.millis("access-ms", 15 * 60 * 1000),
        short: setup.millis("short-ms", 60 * 1000),
    };
    let mode = Mode::named(&setup.text("revocation", "none")).unwrap_or_else(|| {
        support::give_up("--revocation is one of four: see the README")
    });
    let refresh_life = setup.millis("refresh-ms", 24 * 60 * 60 * 1000);
    let app = App {
        refreshes: Arc::new(Refreshes::new(store.clone(), refresh_life)),
        revocation: Arc::new(Revocation::new(mode, lives, store)),
        // Every replica needs the same key to verify the tokens of the others.
        key: setup.text("key", "a-key-that-only-our-replicas-know").into_bytes().into(),
    };
    let router = Router::new()
        .route("/api/login", post(login))
        .route("/api/refresh", post(refresh))
        .route("/api/whoami", get(whoami))
        .route("/api/logout", post(logout))
        .route("/api/logout-everywhere", post(logout_everywhere))
        .route("/api/window", get(window))
        .with_state(app);
    support::serve(&setup, router).await;
}

/// Why a request was rejected.
enum Refused {
    /// 401: the caller is unknown. A new login helps.
    Unknown,
    /// 503: the token's state cannot be read now. A new login does not help; waiting
    /// does.
    CannotKnow,
}

impl From<RedisError> for Refused {
    fn from(error: RedisError) -> Self {
        eprintln!("redis: {error}");
        Self::CannotKnow
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Unknown => (StatusCode::UNAUTHORIZED, "no valid token"),
            Self::CannotKnow => (StatusCode::SERVICE_UNAVAILABLE, "try again later"),
        };
        (status, Json(json!({ "error": error }))).into_response()
    }
}

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

/// All users have the same password: accounts are not part of this exercise.
async fn login(
    State(app): State<App>,
    Json(login): Json<Login>,
) -> Result<Response, Refused> {
    if login.password != "correct-horse" {
        return Err(Refused::Unknown);
    }
    let version = app.revocation.version(&login.username).await?;
    let (session, refresh_token) = app.refreshes.start(&login.username, version).await?;
    Ok((StatusCode::CREATED, Json(app.pair(&session, &refresh_token))).into_response())
}

#[derive(Deserialize)]
struct Refresh {
    refresh_token: String,
}

async fn refresh(
    State(app): State<App>,
    Json(refresh): Json<Refresh>,
) -> Result<Response, Refused> {
    let rotated = app.refreshes.rotate(&refresh.refresh_token).await?;
    let (session, refresh_token) = rotated.ok_or(Refused::Unknown)?;
    // A session from before "log out everywhere" is not refreshed, in any mode.
    if session.version != app.revocation.version(&session.username).await? {
        return Err(Refused::Unknown);
    }
    Ok(Json(app.pair(&session, &refresh_token)).into_response())
}

async fn whoami(State(app): State<App>, headers: HeaderMap) -> Result<Response, Refused> {
    let claims = app.caller(&headers).await?;
    Ok(Json(json!({ "username": claims.sub })).into_response())
}

/// Ends the session that the token belongs to.
async fn logout(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let claims = app.caller(&headers).await?;
    app.refreshes.end(&claims.sid).await?;
    app.revocation.end(&claims).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of the user that the token belongs to.
async fn logout_everywhere(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let claims = app.caller(&headers).await?;
    app.revocation.end_all(&claims.sub).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn window(State(app): State<App>) -> Response {
    let window = app.revocation.window();
    let logout_ms = window.logout.as_millis();
    let everywhere_ms = window.logout_everywhere.as_millis();
    let told = json!({ "logout_ms": logout_ms, "logout_everywhere_ms": everywhere_ms });
    Json(told).into_response()
}

impl App {
    /// Authenticates the request. The signature and the expiry are checked first, because
    /// that needs no store.
    async fn caller(&self, headers: &HeaderMap) -> Result<Claims, Refused> {
        let token = headers.get("Authorization").and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer "));
        let claims = token.and_then(|token| jws::verified(&self.key, token));
        let claims = claims.filter(|claims| !claims.remaining().is_zero());
        let claims = claims.ok_or(Refused::Unknown)?;
        let is_good = self.revocation.is_good(&claims).await?;
        if is_good { Ok(claims) } else { Err(Refused::Unknown) }
    }

    fn pair(&self, session: &Session, refresh_token: &str) -> serde_json::Value {
        let claims = Claims::new(session, self.revocation.life());
        let access_token = jws::signed(&self.key, &claims);
        json!({ "access_token": access_token, "refresh_token": refresh_token })
    }
}
