//! A small shop for prints of drawings. This file is finished: it translates requests
//! into calls and their results into replies. Your files are `numbers.rs`, `pictures.rs`,
//! `forms.rs` and `prints.rs`.

mod forms;
mod numbers;
mod pictures;
mod prints;
mod shared;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use forms::{Forms, OutOfOrder};
use numbers::Numbers;
use pictures::Pictures;
use prints::{Print, Prints};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::Shared;
use std::sync::Arc;
use support::Setup;

struct Shop {
    numbers: Numbers,
    pictures: Pictures,
    forms: Forms,
    prints: Prints,
}

#[tokio::main]
async fn main() {
    let setup = Setup::read();
    let shared = Shared::open(&setup.service("DATABASE_URL")).await;
    let shop = Shop {
        numbers: Numbers::new(shared.clone()),
        pictures: Pictures::new(shared.clone()),
        forms: Forms::new(shared.clone()),
        prints: Prints::new(shared, setup.millis("work-ms", 3000)),
    };
    let router = Router::new()
        .route("/api/numbers", post(next_number))
        .route("/api/pictures/{name}", put(keep_picture).get(show_picture))
        .route("/api/forms/start", post(start_form))
        .route("/api/forms/address", post(add_address))
        .route("/api/forms/confirm", post(confirm_form))
        .route("/api/prints", post(order_print))
        .route("/api/prints/{id}", get(show_print))
        .with_state(Arc::new(shop));
    support::serve(&setup, router).await;
}

type Answer = (StatusCode, Json<Value>);

async fn next_number(State(shop): State<Arc<Shop>>) -> Answer {
    let number = shop.numbers.next().await;
    (StatusCode::CREATED, Json(json!({ "number": number })))
}

async fn keep_picture(
    State(shop): State<Arc<Shop>>,
    Path(name): Path<String>,
    drawing: String,
) -> StatusCode {
    if !is_plain(&name) {
        return StatusCode::BAD_REQUEST;
    }
    shop.pictures.keep(&name, &drawing).await;
    StatusCode::CREATED
}

async fn show_picture(
    State(shop): State<Arc<Shop>>,
    Path(name): Path<String>,
) -> (StatusCode, String) {
    let drawing = if is_plain(&name) { shop.pictures.find(&name).await } else { None };
    match drawing {
        Some(drawing) => (StatusCode::OK, drawing),
        None => (StatusCode::NOT_FOUND, "no such picture".to_owned()),
    }
}

/// Whether a name is safe as a file name, without path components.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.strip_suffix(".svg").is_some_and(|name| name.chars().all(plain))
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

async fn start_form(State(shop): State<Arc<Shop>>, Json(body): Json<Name>) -> Answer {
    let form = shop.forms.start(body.name).await;
    (StatusCode::CREATED, Json(json!({ "form": form })))
}

#[derive(Deserialize)]
struct Address {
    form: String,
    address: String,
}

async fn add_address(State(shop): State<Arc<Shop>>, Json(body): Json<Address>) -> Answer {
    match shop.forms.add_address(&body.form, body.address).await {
        Ok(form) => (StatusCode::OK, Json(json!({ "form": form }))),
        Err(OutOfOrder) => out_of_order(),
    }
}

#[derive(Deserialize)]
struct Confirmation {
    form: String,
}

async fn confirm_form(
    State(shop): State<Arc<Shop>>,
    Json(body): Json<Confirmation>,
) -> Answer {
    match shop.forms.confirm(&body.form).await {
        Ok(order) => {
            let order = json!({ "name": order.name, "address": order.address });
            (StatusCode::CREATED, Json(order))
        }
        Err(OutOfOrder) => out_of_order(),
    }
}

fn out_of_order() -> Answer {
    (StatusCode::CONFLICT, Json(json!({ "error": "finish the step before this one" })))
}

#[derive(Deserialize)]
struct Order {
    drawing: String,
}

async fn order_print(State(shop): State<Arc<Shop>>, Json(body): Json<Order>) -> Answer {
    let id = shop.prints.order(body.drawing).await;
    (StatusCode::ACCEPTED, Json(json!({ "print": id })))
}

async fn show_print(State(shop): State<Arc<Shop>>, Path(id): Path<i64>) -> Answer {
    match shop.prints.find(id).await {
        Some(Print::Waiting) => (StatusCode::OK, Json(json!({ "state": "waiting" }))),
        Some(Print::Done(print)) => {
            (StatusCode::OK, Json(json!({ "state": "done", "print": print })))
        }
        None => (StatusCode::NOT_FOUND, Json(json!({ "error": "no such print" }))),
    }
}
