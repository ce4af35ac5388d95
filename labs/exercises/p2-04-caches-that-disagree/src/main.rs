//! A price list: many reads, few writes, a database, and a cache in front of it. This
//! file is finished. Your files are `local.rs`, `shared.rs` and `near.rs`.

mod local;
mod near;
mod prices;
mod redis_link;
mod shared;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use local::Local;
use near::Near;
use prices::{Price, Prices};
use redis_link::Redis;
use serde::Deserialize;
use serde_json::json;
use shared::Shared;
use std::sync::Arc;
use support::Setup;

/// Maximum length of an item's name, in bytes. It limits the size of a cache entry.
const MAX_NAME_BYTES: usize = 64;

/// The cache in front of the database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// No cache. Writes change only the database, like a nightly import.
    None,
    /// A cache in this process.
    Local,
    /// A cache in Redis.
    Shared,
    /// A cache in this process, and messages about changes.
    Near,
}

struct App {
    mode: Mode,
    prices: Arc<Prices>,
    local: Arc<Local>,
    shared: Shared,
    near: Near,
}

#[tokio::main]
async fn main() {
    let setup = Setup::read();
    let mode = match setup.text("cache", "local").as_str() {
        "none" => Mode::None,
        "local" => Mode::Local,
        "shared" => Mode::Shared,
        "near" => Mode::Near,
        other => support::give_up(&format!("--cache cannot be {other}: see the README")),
    };
    let prices = Prices::open(&setup).await;
    let prices = Arc::new(
        prices.unwrap_or_else(|error| support::give_up(&format!("database: {error}"))),
    );
    let ttl = setup.millis("ttl-ms", 60 * 1000);
    let capacity = usize::try_from(setup.number("capacity", 1000)).unwrap_or(usize::MAX);
    let redis = Redis::open(&setup.service("REDIS_URL"));
    let local = Arc::new(Local::new(capacity, ttl));
    let shared = Shared::new(redis.clone(), Arc::clone(&prices), ttl);
    let near = Near::new(redis, Arc::clone(&prices), Arc::clone(&local));
    if mode == Mode::Near {
        tokio::spawn(near.clone().listen());
    }
    let app = Arc::new(App { mode, prices, local, shared, near });
    let router = Router::new()
        .route("/api/prices/{item}", get(read).put(write))
        .route("/api/cache", get(cache))
        .with_state(app);
    support::serve(&setup, router).await;
}

/// The database could not be read or written.
pub struct Trouble;

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        eprintln!("database: {error}");
        Self
    }
}

impl From<redis::RedisError> for Trouble {
    fn from(error: redis::RedisError) -> Self {
        eprintln!("redis: {error}");
        Self
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        refused(StatusCode::SERVICE_UNAVAILABLE, "try again later")
    }
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

async fn read(
    State(app): State<Arc<App>>,
    Path(item): Path<String>,
) -> Result<Response, Trouble> {
    if item.len() > MAX_NAME_BYTES {
        return Ok(refused(StatusCode::BAD_REQUEST, "the item's name is too long"));
    }
    let price = match app.mode {
        Mode::None => app.prices.read(&item).await?,
        Mode::Local => app.read_locally(&item).await?,
        Mode::Shared => app.shared.read(&item).await?,
        Mode::Near => app.near.read(&item).await?,
    };
    Ok(match price {
        Some(cents) => Json(json!({ "item": item, "cents": cents })).into_response(),
        None => refused(StatusCode::NOT_FOUND, "no such item"),
    })
}

#[derive(Deserialize)]
struct NewPrice {
    cents: i64,
}

async fn write(
    State(app): State<Arc<App>>,
    Path(item): Path<String>,
    Json(NewPrice { cents }): Json<NewPrice>,
) -> Result<StatusCode, Trouble> {
    match app.mode {
        Mode::None => app.prices.write(&item, cents).await?,
        Mode::Local => {
            app.prices.write(&item, cents).await?;
            app.local.remove(&item);
        }
        Mode::Shared => app.shared.write(&item, cents).await?,
        Mode::Near => app.near.write(&item, cents).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Statistics of the cache.
async fn cache(State(app): State<Arc<App>>) -> Response {
    let (entries, reads) = (app.local.len(), app.prices.reads());
    Json(json!({ "entries": entries, "database_reads": reads })).into_response()
}

impl App {
    async fn read_locally(&self, item: &str) -> Result<Price, Trouble> {
        if let Some(price) = self.local.get(item) {
            return Ok(price);
        }
        let price = self.prices.read(item).await?;
        self.local.fill(item, price);
        Ok(price)
    }
}
