//! A shop's cart. This file is finished: it translates requests into calls of `Carts` and
//! their results into replies. Your file is `carts.rs`; `stores.rs` connects to the two
//! stores.

mod carts;
mod stores;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use carts::Carts;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use stores::Trouble;
use support::{Setup, give_up};

#[tokio::main]
async fn main() {
    let setup = Setup::read();
    let carts = open(&setup).await;
    let carts = carts.unwrap_or_else(|trouble| give_up(&trouble.to_string()));
    let router = Router::new()
        .route("/api/cart", get(get_cart))
        .route("/api/cart/items", post(add))
        .with_state(Arc::new(carts));
    support::serve(&setup, router).await;
}

async fn open(setup: &Setup) -> Result<Carts, Trouble> {
    let redis = stores::redis(&setup.service("REDIS_URL"))?;
    let database = stores::database(&setup.service("DATABASE_URL")).await?;
    Carts::open(redis, database).await
}

/// An item to be added.
#[derive(Debug, Deserialize, Serialize)]
pub struct Item {
    pub item: String,
    pub quantity: u32,
}

type Answer = (StatusCode, Json<Value>);

fn refused(status: StatusCode, why: &str) -> Answer {
    (status, Json(json!({ "error": why })))
}

/// A store does not answer. The client has made no mistake and may retry.
fn failed(trouble: &Trouble) -> Answer {
    eprintln!("store error: {trouble}");
    refused(StatusCode::SERVICE_UNAVAILABLE, "try again")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The cart's id. In a real shop it comes from the session.
fn cart_in(headers: &HeaderMap) -> Result<&str, Answer> {
    let missing = || refused(StatusCode::BAD_REQUEST, "the header X-Cart-ID is missing");
    text(headers, "X-Cart-ID").ok_or_else(missing)
}

async fn add(
    State(carts): State<Arc<Carts>>,
    headers: HeaderMap,
    Json(item): Json<Item>,
) -> Result<Answer, Answer> {
    let cart = cart_in(&headers)?;
    // A request without a key is never a retry.
    let key = text(&headers, "Idempotency-Key").map_or_else(random_key, str::to_owned);
    carts.add(cart, &item, &key).await.map_err(|trouble| failed(&trouble))?;
    Ok((StatusCode::CREATED, Json(json!(item))))
}

async fn get_cart(
    State(carts): State<Arc<Carts>>,
    headers: HeaderMap,
) -> Result<Answer, Answer> {
    let cart = cart_in(&headers)?;
    let items = carts.look(cart).await.map_err(|trouble| failed(&trouble))?;
    Ok((StatusCode::OK, Json(json!({ "items": items }))))
}

fn random_key() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system's generator works");
    format!("{:032x}", u128::from_be_bytes(bytes))
}
