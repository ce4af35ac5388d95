//! The balancer's own replies have the headers that every reply has (docs/api.md, "Requests and
//! replies").

use crate::any_balancer::{AnyBalancer, Kind, ROUND_ROBIN, in_time};
use crate::fixture::{ONE_CHECK, TestBalancer};
use crate::replica::Replica;
use crate::scripted::Scripted;
use crate::wire::Wire;
use std::net::SocketAddr;

either!(reply_to_failed_request_has_common_headers);

const ID: &str = "own-reply-1";
const WITH_ID: &str = "X-Request-ID: own-reply-1";

/// Sends a request and checks the problem that answers it.
async fn check_problem(balancer: SocketAddr, lines: &[&str], status: &str) {
    let mut client = Wire::connect(balancer).await;
    client.send_head(&[lines, &[WITH_ID]].concat()).await;
    assert!(in_time(client.read_head()).await, "{lines:?}");
    let found = client.first_line().split(' ').nth(1);
    assert_eq!(found, Some(status), "{lines:?}");
    for (name, value) in [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-served-by", "lb"),
        ("x-request-id", ID),
    ] {
        assert_eq!(client.header(name), Some(value), "{lines:?}: {name}");
    }
    if lines[0].starts_with("HEAD ") {
        assert!(client.length().is_some_and(|length| length > 0), "{lines:?}");
        return;
    }
    let problem = String::from_utf8(client.read_body().await).unwrap();
    let instance = format!("\"instance\":\"{ID}\"");
    assert!(problem.contains(&instance), "{lines:?}: {problem}");
}

/// Each on its own connection, because HAProxy sends no 502 on one with earlier requests.
async fn reply_to_failed_request_has_common_headers(kind: Kind) {
    let request = ["POST /act HTTP/1.1", "Host: x", "Content-Length: 0"];
    let broken = Scripted::start(|wire, _| async move { drop(wire) }).await;
    let backends = [("r1", broken.address)];
    let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
    check_problem(balancer.address, &request, "502").await;

    let dead = Replica::start("r1").await;
    let backends = [("r1", dead.address)];
    let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
    dead.kill().await;
    check_problem(balancer.address, &request, "503").await;
}

#[tokio::test]
async fn reply_to_invalid_request_has_common_headers() {
    let replica = Replica::start("r1").await;
    let balancer = TestBalancer::start(&[], &[("r1", replica.address)]).await;
    for (lines, status) in [
        (&["GET / HTTP/1.1", "Host: a b"][..], "400"),
        (&["HEAD / HTTP/1.1", "Host: a b"], "400"),
        (&["GET / HTTP/1.1", "Host: a", "Host: b"], "400"),
        (&["GET ftp://x/ HTTP/1.1", "Host: x"], "400"),
        (&["POST / HTTP/1.1", "Host: x", "Transfer-Encoding: gzip, chunked"], "400"),
        (&["CONNECT x:1 HTTP/1.1", "Host: x"], "405"),
    ] {
        check_problem(balancer.address, lines, status).await;
    }
    assert!(replica.received().is_empty());
}

#[tokio::test]
async fn reply_without_backend_has_common_headers() {
    let request = ["GET / HTTP/1.1", "Host: x"];
    let balancer = TestBalancer::start_empty(&[]).await;
    check_problem(balancer.address, &request, "503").await;

    let dead = Replica::start("r1").await;
    let balancer = TestBalancer::start(&ONE_CHECK, &[("r1", dead.address)]).await;
    dead.kill().await;
    check_problem(balancer.address, &request, "503").await;
}

#[tokio::test]
async fn reply_after_timeout_has_common_headers() {
    let hung = Scripted::start(|wire, _| async move {
        let _open = wire;
        std::future::pending::<()>().await;
    })
    .await;
    let flags = ["--head-timeout-ms", "300"];
    let balancer = TestBalancer::start(&flags, &[("r1", hung.address)]).await;
    check_problem(balancer.address, &["GET / HTTP/1.1", "Host: x"], "504").await;

    let flags = ["--idle-timeout-ms", "300"];
    let balancer = TestBalancer::start(&flags, &[("r1", hung.address)]).await;
    let stalled = ["POST / HTTP/1.1", "Host: x", "Content-Length: 9"];
    check_problem(balancer.address, &stalled, "408").await;
}

#[tokio::test]
async fn reply_beyond_max_connections_has_common_headers() {
    let replica = Replica::start("r1").await;
    let backends = [("r1", replica.address)];
    let balancer = TestBalancer::start(&["--max-connections", "1"], &backends).await;
    let mut only = Wire::connect(balancer.address).await;
    only.send_head(&["GET /name HTTP/1.1", "Host: x"]).await;
    assert!(in_time(only.read_head()).await);
    for line in ["GET / HTTP/1.1", "HEAD / HTTP/1.1", "BREW / HTTP/1.0", "gibberish"] {
        check_problem(balancer.address, &[line, "Host: x"], "503").await;
    }
}

#[tokio::test]
async fn reply_to_plain_http_has_common_headers() {
    let balancer = TestBalancer::start_empty(&["--tls", "self-signed"]).await;
    for line in ["GET / HTTP/1.1", "HEAD / HTTP/1.1"] {
        check_problem(balancer.address, &[line, "Host: x"], "400").await;
    }
}

#[tokio::test]
async fn refused_head_request_gets_no_body() {
    let balancer = TestBalancer::start_empty(&["--tls", "self-signed"]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&["HEAD / HTTP/1.1", "Host: x"]).await;
    assert!(in_time(client.read_head()).await);
    assert_eq!(client.first_line(), "HTTP/1.1 400 Bad Request");
    assert!(in_time(client.is_closed()).await);
}

#[tokio::test]
async fn malformed_request_id_is_replaced_in_early_refusal() {
    let balancer = TestBalancer::start_empty(&["--tls", "self-signed"]).await;
    for line in ["X-Request-ID: no id", "X-Request-ID", "x-other: own-reply-1"] {
        let mut client = Wire::connect(balancer.address).await;
        client.send_head(&["GET / HTTP/1.1", line]).await;
        assert!(in_time(client.read_head()).await);
        let id = client.header("x-request-id").unwrap().to_owned();
        assert_eq!(id.len(), 32, "{line}: {id}");
        let problem = String::from_utf8(client.read_body().await).unwrap();
        assert!(problem.contains(&format!("\"instance\":\"{id}\"")), "{problem}");
    }
}
