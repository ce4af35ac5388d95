//! Every response has its headers, and every error is a problem response.

use crate::support::start;
use api_contract::problem::Problem;
use axum::{Router, routing::get};
use std::time::Duration;

async fn panicking() -> &'static str {
    panic!("a bug")
}

#[tokio::test]
async fn response_names_replica_and_keeps_valid_request_id() {
    let server = start(Router::new(), Duration::ZERO, Duration::ZERO).await;
    http_edge::crypto::install_provider();
    let http = reqwest::Client::new();
    for (path, status) in [("/livez", 200), ("/nowhere", 404)] {
        let request = http.get(server.url(path)).header("x-request-id", "lecture-1");
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), status);
        assert_eq!(reply.headers()["x-served-by"], "r7");
        assert_eq!(reply.headers()["x-request-id"], "lecture-1");
        assert_eq!(reply.headers()["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn panic_returns_500_without_details_and_server_continues() {
    let routes = Router::new().route("/bug", get(panicking));
    let server = start(routes, Duration::ZERO, Duration::ZERO).await;
    let reply = reqwest::get(server.url("/bug")).await.unwrap();
    assert_eq!(reply.status(), 500);
    assert_eq!(reply.headers()["content-type"], "application/problem+json");
    let id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem: Problem = reply.json().await.unwrap();
    assert_eq!(
        (problem.slug(), problem.instance.as_str()),
        ("internal-error", id.as_str())
    );
    assert!(!problem.detail.contains("a bug"));
    assert_eq!(reqwest::get(server.url("/livez")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn unsupported_method_returns_405_with_allow() {
    let server = start(Router::new(), Duration::ZERO, Duration::ZERO).await;
    http_edge::crypto::install_provider();
    let reply = reqwest::Client::new().post(server.url("/livez")).send().await.unwrap();
    assert_eq!(reply.status(), 405);
    assert_eq!(reply.headers()["allow"], "GET,HEAD");
    let problem: Problem = reply.json().await.unwrap();
    assert_eq!(problem.slug(), "method-not-allowed");
}
