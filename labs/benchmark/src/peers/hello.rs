//! The reference: the smallest axum server.

use api_contract::paths;
use axum::Router;
use axum::routing::get;

pub(super) fn app() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        // For the balancers, which check a server before they use it.
        .route(paths::READYZ, get(async || "ready"))
}
