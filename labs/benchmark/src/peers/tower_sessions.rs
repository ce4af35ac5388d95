//! Sessions in Redis as a library offers them: tower-sessions with its own Redis store.

use anyhow::Context;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tower_sessions::{Session, SessionManagerLayer};
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};

/// The data of a session, and the reply: the same as in ours.
#[derive(Deserialize, Serialize)]
struct Caller {
    username: String,
    organisation: String,
    since: String,
}

/// The key of the one value in a session.
const CALLER: &str = "caller";

pub(super) async fn app(pool: usize) -> anyhow::Result<Router> {
    let url = std::env::var("REDIS_URL").context("REDIS_URL names no Redis")?;
    let redis = Pool::new(Config::from_url(&url)?, None, None, None, pool)?;
    redis.init().await.context("Redis does not answer")?;
    let sessions = SessionManagerLayer::new(RedisStore::new(redis)).with_secure(false);
    Ok(Router::new()
        .route("/session/start", post(start))
        .route("/session", get(view))
        .layer(sessions))
}

async fn start(session: Session) -> Result<&'static str, String> {
    let caller = Caller {
        username: "alice".to_owned(),
        organisation: "main".to_owned(),
        since: "2026-01-01T00:00:00Z".to_owned(),
    };
    session.insert(CALLER, caller).await.map_err(|error| error.to_string())?;
    Ok("welcome")
}

async fn view(session: Session) -> Result<Json<Caller>, String> {
    let caller = session.get(CALLER).await.map_err(|error| error.to_string())?;
    caller.map(Json).ok_or_else(|| "who are you?".to_owned())
}
