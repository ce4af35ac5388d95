//! `/readyz` checks the dependencies, names the unhealthy ones, and caches the results.

use crate::support::{DEADLINE, start_with};
use api_contract::Ready;
use api_contract::problem::Problem;
use axum::Router;
use http_edge::health::{Check, HealthStatus, Readiness};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A server with a required and an optional dependency. The test sets the status of the
/// required one and reads how often it was checked.
struct TestApp {
    server: crate::support::Running,
    records: Arc<Mutex<HealthStatus>>,
    checks: Arc<AtomicUsize>,
}

async fn test_app() -> TestApp {
    let records = Arc::new(Mutex::new(HealthStatus::Healthy));
    let checks = Arc::new(AtomicUsize::new(0));
    let (status, counter) = (Arc::clone(&records), Arc::clone(&checks));
    let required = Check::new("records", move || {
        counter.fetch_add(1, Ordering::Relaxed);
        let status = status.lock().expect("not poisoned").clone();
        async { status }
    });
    let optional =
        Check::new("cache", || async { HealthStatus::Degraded("breaker open") });
    let readiness = Readiness::with_checks(vec![required, optional]);
    let server = start_with(Router::new(), readiness, Duration::ZERO, DEADLINE).await;
    TestApp { server, records, checks }
}

impl TestApp {
    async fn readyz(&self) -> reqwest::Response {
        reqwest::get(self.server.url("/readyz")).await.expect("it answers")
    }

    /// Polls until the response has this status.
    async fn until(&self, status: u16) -> reqwest::Response {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let reply = self.readyz().await;
            if reply.status() == status {
                return reply;
            }
            assert!(Instant::now() < deadline, "still not {status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn impaired_dependency_is_reported_as_degraded() {
    let app = test_app().await;
    let ready: Ready = app.until(200).await.json().await.unwrap();
    assert_eq!(ready.message, "degraded");
    let checks: Vec<_> =
        ready.checks.iter().map(|(name, text)| (&**name, &**text)).collect();
    assert_eq!(checks, [("cache", "breaker open"), ("records", "ok")]);
}

#[tokio::test]
async fn unavailable_dependency_makes_server_not_ready_until_it_returns() {
    let app = test_app().await;
    *app.records.lock().unwrap() = HealthStatus::Unavailable("do not answer");
    let reply = app.until(503).await;
    assert_eq!(reply.headers()["retry-after"], "1");
    let problem: Problem = reply.json().await.unwrap();
    assert_eq!(problem.slug(), "not-ready");
    assert_eq!(problem.detail, "records: do not answer; cache: breaker open");
    *app.records.lock().unwrap() = HealthStatus::Healthy;
    app.until(200).await;
}

#[tokio::test]
async fn unavailable_shared_dependency_is_named_and_server_stays_ready() {
    let lost =
        Check::new("records", || async { HealthStatus::Unavailable("do not answer") });
    let silent = Check::new("files", std::future::pending);
    let readiness = Readiness::with_checks(vec![lost.shared(), silent.shared()]);
    let server = start_with(Router::new(), readiness, Duration::ZERO, DEADLINE).await;
    let reply = reqwest::get(server.url("/readyz")).await.unwrap();
    assert_eq!(reply.status(), 200);
    let ready: Ready = reply.json().await.unwrap();
    assert_eq!(ready.message, "degraded");
    assert_eq!(ready.checks["records"], "do not answer");
    assert_eq!(ready.checks["files"], "does not answer in time");
}

#[tokio::test]
async fn server_with_healthy_dependencies_is_ready() {
    let fine = Check::new("records", || async { HealthStatus::Healthy });
    let readiness = Readiness::with_checks(vec![fine.shared()]);
    let server = start_with(Router::new(), readiness, Duration::ZERO, DEADLINE).await;
    let ready: Ready =
        reqwest::get(server.url("/readyz")).await.unwrap().json().await.unwrap();
    assert_eq!(ready.message, "ready");
}

#[tokio::test]
async fn frequent_requests_share_cached_check_results() {
    let app = test_app().await;
    let begun = Instant::now();
    for _ in 0..200 {
        app.readyz().await;
    }
    let windows = begun.elapsed().as_millis() / 250 + 1;
    let checks = app.checks.load(Ordering::Relaxed);
    assert!(
        checks >= 1 && checks as u128 <= windows,
        "{checks} checks in {windows} windows"
    );
}

#[tokio::test]
async fn silent_dependency_is_unavailable_after_check_timeout() {
    let stuck = Check::new("records", std::future::pending);
    let readiness = Readiness::with_checks(vec![stuck]);
    let server = start_with(Router::new(), readiness, Duration::ZERO, DEADLINE).await;
    let begun = Instant::now();
    let reply = reqwest::get(server.url("/readyz")).await.unwrap();
    assert_eq!(reply.status(), 503);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let problem: Problem = reply.json().await.unwrap();
    assert_eq!(problem.detail, "records: does not answer in time");
}
