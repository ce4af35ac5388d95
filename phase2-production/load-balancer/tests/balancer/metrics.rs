//! `/metrics` on the admin listener. The recorder is shared by all tests in this process, so
//! the backends have ids of their own.

use crate::fixture::TestBalancer;
use crate::replica::Replica;
use crate::scripted::Scripted;
use reqwest::{Method, StatusCode};

/// The value of one series; `None` if it is not exposed.
async fn value(balancer: &TestBalancer, series: &str) -> Option<f64> {
    let url = format!("http://{}/metrics", balancer.admin);
    let page = reqwest::get(url).await.unwrap().text().await.unwrap();
    let value = |line: &str| line.strip_prefix(series)?.trim().parse().ok();
    page.lines().find_map(value)
}

#[tokio::test]
async fn responses_and_failures_are_counted_by_backend() {
    let replica = Replica::start("m1").await;
    let lost = Scripted::start(|wire, _| async move { drop(wire) }).await;
    let flags = ["--policy", "sticky"];
    let backends = [("m1", replica.address), ("m2", lost.address)];
    let balancer = TestBalancer::start(&flags, &backends).await;
    for (path, cookie) in [
        ("/name", "lab_replica=m1"),
        ("/status/404", "lab_replica=m1"),
        ("/name", "lab_replica=m2"),
    ] {
        let request = balancer.client.get(balancer.url(path)).header("cookie", cookie);
        request.send().await.unwrap();
    }
    for (series, expected) in [
        (r#"load_balancer_backend_responses_total{backend="m1",code="2xx"}"#, 1.0),
        (r#"load_balancer_backend_responses_total{backend="m1",code="4xx"}"#, 1.0),
        (r#"load_balancer_backend_responses_total{backend="m1",code="5xx"}"#, 0.0),
        (
            r#"load_balancer_backend_failures_total{backend="m2",reason="connection_lost"}"#,
            1.0,
        ),
        (r#"load_balancer_backend_failures_total{backend="m2",reason="connect"}"#, 0.0),
        (r#"load_balancer_backend_response_duration_seconds_count{backend="m1"}"#, 2.0),
        (r#"load_balancer_backend_requests_in_flight{backend="m1"}"#, 0.0),
        (r#"load_balancer_backend_idle_connections{backend="m1"}"#, 1.0),
    ] {
        assert_eq!(value(&balancer, series).await, Some(expected), "{series}");
    }
}

#[tokio::test]
async fn refused_connection_counts_as_failure_and_retry() {
    let (dead, alive) = (Replica::start("m3").await, Replica::start("m4").await);
    let flags = ["--check-interval-ms", "3600000"];
    let backends = [("m3", dead.address), ("m4", alive.address)];
    let balancer = TestBalancer::start(&flags, &backends).await;
    dead.kill().await;
    let before = value(&balancer, "load_balancer_retries_total").await.unwrap();
    for _ in 0..4 {
        assert_eq!(balancer.serving_replica().await, "m4");
    }
    let series = r#"load_balancer_backend_failures_total{backend="m3",reason="connect"}"#;
    assert_eq!(value(&balancer, series).await, Some(2.0), "one for each --check-fall");
    // Other tests of this process may count retries at the same time.
    let after = value(&balancer, "load_balancer_retries_total").await.unwrap();
    assert!(after >= before + 2.0, "{before} before, {after} after");
}

#[tokio::test]
async fn removed_backend_is_not_up() {
    let replica = Replica::start("m5").await;
    let balancer = TestBalancer::start(&[], &[("m5", replica.address)]).await;
    let up = r#"load_balancer_backend_up{backend="m5"}"#;
    assert_eq!(value(&balancer, up).await, Some(1.0));
    balancer.handle.drain_backend("m5");
    assert_eq!(value(&balancer, up).await, Some(0.0));
    balancer.handle.undrain_backend("m5");
    assert_eq!(value(&balancer, up).await, Some(1.0));
    balancer.handle.remove_backend("m5");
    assert_eq!(value(&balancer, up).await, Some(0.0));
}

#[tokio::test]
async fn metrics_need_loopback_host_and_no_token() {
    let balancer = TestBalancer::start_empty(&[]).await;
    let url = format!("http://{}/metrics", balancer.admin);
    for (host, status) in [("evil.example", 400), ("localhost", 200)] {
        let request = balancer.client.get(&url).header("host", host);
        assert_eq!(request.send().await.unwrap().status(), status, "{host}");
    }
    let reply = balancer.client.get(&url).send().await.unwrap();
    assert_eq!(
        reply.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
}

#[tokio::test]
async fn made_up_paths_and_methods_share_one_series() {
    let replica = Replica::start("m6").await;
    let balancer = TestBalancer::start(&[], &[("m6", replica.address)]).await;
    for number in 0..5 {
        let method = Method::from_bytes(format!("VERB{number}").as_bytes()).unwrap();
        let url = balancer.url(&format!("/made-up/{number}"));
        let reply = balancer.client.request(method, url).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::OK);
    }
    let series = r#"http_requests_total{method="other",route="other",status="200"}"#;
    assert_eq!(value(&balancer, series).await, Some(5.0));
}
