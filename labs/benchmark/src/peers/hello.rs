//! The reference: the least that axum can be made to do.

use api_contract::paths;
use axum::Router;
use axum::routing::get;

pub(super) fn app() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        // For the balancers, which ask before they send anything.
        .route(paths::READYZ, get(async || "ready"))
}
