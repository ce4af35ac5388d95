//! The admin listener: its commands and its token.

use crate::fixture::{TOKEN, TestBalancer, args};
use crate::replica::Replica;
use api_contract::problem::Problem;
use load_balancer::config::{BackendAddress, Policy};
use load_balancer::status::{BackendState, BackendStatus, PutBackend, Status};
use reqwest::{Method, RequestBuilder, StatusCode};

fn command(balancer: &TestBalancer, method: Method, path: &str) -> RequestBuilder {
    let url = format!("http://{}{path}", balancer.admin);
    balancer.client.request(method, url).bearer_auth(TOKEN)
}

async fn status(balancer: &TestBalancer) -> Status {
    command(balancer, Method::GET, "/status").send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn backend_is_added_moved_and_removed_by_command() {
    let (one, two) = (Replica::start("one").await, Replica::start("two").await);
    let balancer = TestBalancer::start_empty(&["--policy", "sticky"]).await;
    assert_eq!(
        status(&balancer).await,
        Status { policy: Policy::Sticky, backends: vec![] }
    );

    let put = |address| {
        command(&balancer, Method::PUT, "/backends/r1").json(&PutBackend { address })
    };
    let added: BackendStatus =
        put(one.address).send().await.unwrap().json().await.unwrap();
    assert_eq!((added.state, added.address), (BackendState::Starting, one.address));
    balancer.until("r1", BackendState::Up).await;
    assert_eq!(balancer.serving_replica().await, "one");
    let status_before = status(&balancer).await;
    let r1 = status_before.backend("r1").unwrap();
    assert_eq!((r1.served, r1.failures, r1.in_flight), (1, 0, 0));
    assert!(r1.since_ms > 1_700_000_000_000);

    put(two.address).send().await.unwrap().error_for_status().unwrap();
    balancer.until("r1", BackendState::Up).await;
    assert_eq!(balancer.serving_replica().await, "two");

    let removed =
        command(&balancer, Method::DELETE, "/backends/r1").send().await.unwrap();
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    assert!(status(&balancer).await.backends.is_empty());
}

#[tokio::test]
async fn backend_is_drained_and_undrained_by_command() {
    let replica = Replica::start("r1").await;
    let balancer = TestBalancer::start(&[], &[("r1", replica.address)]).await;
    for (path, state, drained) in
        [("drain", BackendState::Draining, true), ("undrain", BackendState::Up, false)]
    {
        let path = format!("/backends/r1/{path}");
        let reply = command(&balancer, Method::POST, &path).send().await.unwrap();
        let reply: BackendStatus = reply.json().await.unwrap();
        assert_eq!((reply.state, reply.drained), (state, drained));
    }
}

#[tokio::test]
async fn commands_without_token_return_401_and_change_nothing() {
    let replica = Replica::start("r1").await;
    let balancer = TestBalancer::start(&[], &[("r1", replica.address)]).await;
    let admin = balancer.admin;
    for authorization in
        [None, Some("Bearer wrong"), Some("Bearer "), Some("Basic token-of-this-test")]
    {
        for (method, path) in [
            (Method::GET, "/status"),
            (Method::PUT, "/backends/r2"),
            (Method::DELETE, "/backends/r1"),
            (Method::POST, "/backends/r1/drain"),
        ] {
            let mut request =
                balancer.client.request(method, format!("http://{admin}{path}"));
            if let Some(value) = authorization {
                request = request.header("authorization", value);
            }
            let reply = request.send().await.unwrap();
            assert_eq!(reply.status(), 401, "{path} with {authorization:?}");
            assert_eq!(reply.headers()["www-authenticate"], "Bearer");
            assert_eq!(
                reply.json::<Problem>().await.unwrap().slug(),
                "invalid-credentials"
            );
        }
    }
    assert_eq!(balancer.status("r1").state, BackendState::Up);
    let livez =
        balancer.client.get(format!("http://{admin}/livez")).send().await.unwrap();
    assert_eq!(livez.status(), 200);
}

#[tokio::test]
async fn non_loopback_host_is_refused() {
    let balancer = TestBalancer::start_empty(&[]).await;
    for (host, status) in [
        ("evil.example", 400),
        ("127.0.0.1.evil.example:80", 400),
        ("localhost:1", 200),
        ("[::1]:1", 200),
    ] {
        let reply = command(&balancer, Method::GET, "/status").header("host", host);
        assert_eq!(reply.send().await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn invalid_command_returns_problem_and_changes_nothing() {
    let balancer = TestBalancer::start_empty(&[]).await;
    for (method, path, slug) in [
        (Method::GET, "/nothing", "not-found"),
        (Method::POST, "/status", "method-not-allowed"),
        (Method::DELETE, "/backends/r9", "not-found"),
        (Method::POST, "/backends/r9/drain", "not-found"),
        (Method::PUT, "/backends/r1", "unsupported-media-type"),
    ] {
        let reply = command(&balancer, method, path).send().await.unwrap();
        assert_eq!(reply.headers()["content-type"], "application/problem+json");
        assert_eq!(reply.json::<Problem>().await.unwrap().slug(), slug, "{path}");
    }
    let address = "127.0.0.1:1".parse().unwrap();
    let bad_id =
        command(&balancer, Method::PUT, "/backends/r%201").json(&PutBackend { address });
    assert_eq!(bad_id.send().await.unwrap().status(), 400);
    assert!(balancer.handle.status().backends.is_empty());
}

#[tokio::test]
async fn flags_are_parsed() {
    let parsed = args(&["--backend", "r1=127.0.0.1:4001", "--backend", "r2=[::1]:4002"]);
    assert_eq!(parsed.backends[1].id, "r2");
    let second = BackendAddress::Ip("[::1]:4002".parse().unwrap());
    assert_eq!(parsed.backends[1].address, second);
    let (name, policy) = (parsed.edge.replica_id.as_str(), parsed.policy);
    assert_eq!((name, policy), ("lb", Policy::RoundRobin));
    let twice = args(&["--backend", "r1=127.0.0.1:1", "--backend", "r1=127.0.0.1:2"]);
    load_balancer::Balancer::new(&twice).unwrap_err();
}

#[tokio::test]
async fn admin_listener_needs_token() {
    let without_token = args(&["--admin-listen", "127.0.0.1:0"]);
    load_balancer::start(without_token).await.unwrap_err();
}

#[test]
fn empty_token_file_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), " \n").unwrap();
    load_balancer::admin::read_token(file.path()).unwrap_err();
    std::fs::write(file.path(), "  secret\n").unwrap();
    assert_eq!(load_balancer::admin::read_token(file.path()).unwrap().expose(), "secret");
}
