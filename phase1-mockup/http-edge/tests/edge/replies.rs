//! Every response has its headers, and every error is a problem response.

use crate::support::start;
use api_contract::problem::Problem;
use axum::{Router, routing::get};
use http::StatusCode;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
        let sniffing = reply.headers().get_all("x-content-type-options");
        assert_eq!(sniffing.iter().collect::<Vec<_>>(), ["nosniff"]);
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

/// RFC 9112 §3.2: a server answers 400 to a request without a host, with two, or an invalid one.
#[tokio::test]
async fn request_needs_one_valid_host() {
    let server = start(Router::new(), Duration::ZERO, Duration::ZERO).await;
    for (host, version, status) in [
        ("Host: a.test:80\r\n", "1.1", 200),
        ("", "1.0", 200),
        ("", "1.1", 400),
        ("Host:\r\n", "1.1", 200),
        ("Host: a\r\nHost: a\r\n", "1.1", 400),
        ("Host: user@a\r\n", "1.1", 400),
        ("Host: a b\r\n", "1.1", 400),
        ("Host: user@a\r\n", "1.0", 400),
    ] {
        let mut connection = server.connect().await;
        let request =
            format!("GET /livez HTTP/{version}\r\n{host}Connection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        connection.read_to_string(&mut reply).await.unwrap();
        let expected = format!("HTTP/{version} {status}");
        assert!(reply.starts_with(&expected), "{host:?}: {reply}");
    }
}

/// RFC 9110 §8.6: a 304 has the length of the 200 or none, and a 204 has none. `0` would
/// replace the length of a cached file.
#[tokio::test]
async fn empty_statuses_have_no_content_length() {
    let routes = Router::new()
        .route("/same", get(|| async { StatusCode::NOT_MODIFIED }))
        .route("/none", get(|| async { StatusCode::NO_CONTENT }))
        .route("/empty", get(|| async { StatusCode::OK }));
    let server = start(routes, Duration::ZERO, Duration::ZERO).await;
    for (path, has_length) in [("/same", false), ("/none", false), ("/empty", true)] {
        for method in ["GET", "HEAD"] {
            let mut connection = server.connect().await;
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            );
            connection.write_all(request.as_bytes()).await.unwrap();
            let mut reply = String::new();
            connection.read_to_string(&mut reply).await.unwrap();
            let found = reply.to_lowercase().contains("content-length:");
            assert_eq!(found, has_length, "{method} {path}: {reply}");
        }
    }
}
