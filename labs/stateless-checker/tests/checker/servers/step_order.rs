//! Wrong: an order is in the database, and its progress is in memory.

use super::{Database, Memory};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{post, put};

pub(crate) const DESCRIPTION: &str = r#"
service = "orders"

[[step]]
name = "address"
request = "PUT /orders/${random.user}/address"
text = "1 ${random.text} Road"

[[step]]
name = "payment"
request = "PUT /orders/${random.user}/payment"
text = "card ${random.number}"

[[step]]
name = "confirm"
request = "POST /orders/${random.user}/confirm"
"#;

const STEPS: [&str; 3] = ["address", "payment", "confirm"];

pub(crate) fn app(database: Database) -> Router {
    Router::new()
        .route("/orders/{order}/{step}", put(step))
        .route("/orders/{order}/confirm", post(confirm))
        .with_state((database, Memory::default()))
}

type Stores = (Database, Memory);

async fn step(
    State((database, progress)): State<Stores>,
    Path((order, step)): Path<(String, String)>,
    body: String,
) -> (StatusCode, &'static str) {
    if !may(&progress, &order, &step) {
        return (StatusCode::CONFLICT, "finish the step before this one first");
    }
    database.rows().insert(format!("{order} {step}"), body);
    progress.rows().insert(order, step);
    (StatusCode::OK, "next step, please")
}

async fn confirm(
    State((_, progress)): State<Stores>,
    Path(order): Path<String>,
) -> (StatusCode, &'static str) {
    match may(&progress, &order, "confirm") {
        true => (StatusCode::OK, "thank you"),
        false => (StatusCode::CONFLICT, "finish the step before this one first"),
    }
}

fn may(progress: &Memory, order: &str, step: &str) -> bool {
    let at = STEPS.iter().position(|known| *known == step);
    let before = at.and_then(|at| at.checked_sub(1)).map(|at| STEPS[at].to_owned());
    before.is_none() || progress.get(order) == before
}
