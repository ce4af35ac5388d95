//! The admin listener: the orders, and who may give them.

use crate::replica::Replica;
use crate::rig::{Rig, TOKEN, args};
use api_contract::problem::Problem;
use load_balancer::config::{Place, Policy};
use load_balancer::status::{BackendState, BackendStatus, PutBackend, Status};
use reqwest::{Method, RequestBuilder, StatusCode};

fn order(rig: &Rig, method: Method, path: &str) -> RequestBuilder {
    let url = format!("http://{}{path}", rig.admin);
    rig.client.request(method, url).bearer_auth(TOKEN)
}

async fn status(rig: &Rig) -> Status {
    order(rig, Method::GET, "/status").send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_backend_is_added_moved_and_removed_by_order() {
    let (one, two) = (Replica::start("one").await, Replica::start("two").await);
    let rig = Rig::start_empty(&["--policy", "sticky"]).await;
    assert_eq!(status(&rig).await, Status { policy: Policy::Sticky, backends: vec![] });

    let put =
        |address| order(&rig, Method::PUT, "/backends/r1").json(&PutBackend { address });
    let added: BackendStatus =
        put(one.address).send().await.unwrap().json().await.unwrap();
    assert_eq!((added.state, added.address), (BackendState::Starting, one.address));
    rig.until("r1", BackendState::Up).await;
    assert_eq!(rig.who().await, "one");
    let known = status(&rig).await;
    let known = known.backend("r1").unwrap();
    assert_eq!((known.served, known.failures, known.in_flight), (1, 0, 0));
    assert!(known.since_ms > 1_700_000_000_000);

    put(two.address).send().await.unwrap().error_for_status().unwrap();
    rig.until("r1", BackendState::Up).await;
    assert_eq!(rig.who().await, "two");

    let gone = order(&rig, Method::DELETE, "/backends/r1").send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert!(status(&rig).await.backends.is_empty());
}

#[tokio::test]
async fn a_backend_is_drained_and_taken_back_by_order() {
    let replica = Replica::start("r1").await;
    let rig = Rig::start(&[], &[("r1", replica.address)]).await;
    for (path, state) in
        [("drain", BackendState::Draining), ("undrain", BackendState::Up)]
    {
        let path = format!("/backends/r1/{path}");
        let reply = order(&rig, Method::POST, &path).send().await.unwrap();
        assert_eq!(reply.json::<BackendStatus>().await.unwrap().state, state);
    }
}

#[tokio::test]
async fn without_the_token_nothing_is_told_and_nothing_is_done() {
    let replica = Replica::start("r1").await;
    let rig = Rig::start(&[], &[("r1", replica.address)]).await;
    let admin = rig.admin;
    for proof in
        [None, Some("Bearer wrong"), Some("Bearer "), Some("Basic token-of-this-test")]
    {
        for (method, path) in [
            (Method::GET, "/status"),
            (Method::PUT, "/backends/r2"),
            (Method::DELETE, "/backends/r1"),
            (Method::POST, "/backends/r1/drain"),
        ] {
            let mut request = rig.client.request(method, format!("http://{admin}{path}"));
            if let Some(proof) = proof {
                request = request.header("authorization", proof);
            }
            let reply = request.send().await.unwrap();
            assert_eq!(reply.status(), 401, "{path} with {proof:?}");
            assert_eq!(reply.headers()["www-authenticate"], "Bearer");
            assert_eq!(
                reply.json::<Problem>().await.unwrap().slug(),
                "invalid-credentials"
            );
        }
    }
    assert_eq!(rig.status("r1").state, BackendState::Up);
    let livez = rig.client.get(format!("http://{admin}/livez")).send().await.unwrap();
    assert_eq!(livez.status(), 200);
}

#[tokio::test]
async fn a_web_page_that_points_its_own_name_at_loopback_is_refused() {
    let rig = Rig::start_empty(&[]).await;
    for (host, status) in [
        ("evil.example", 400),
        ("127.0.0.1.evil.example:80", 400),
        ("localhost:1", 200),
        ("[::1]:1", 200),
    ] {
        let reply = order(&rig, Method::GET, "/status").header("host", host);
        assert_eq!(reply.send().await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn what_an_order_cannot_mean_is_a_problem_and_changes_nothing() {
    let rig = Rig::start_empty(&[]).await;
    for (method, path, slug) in [
        (Method::GET, "/nothing", "not-found"),
        (Method::POST, "/status", "method-not-allowed"),
        (Method::DELETE, "/backends/r9", "not-found"),
        (Method::POST, "/backends/r9/drain", "not-found"),
        (Method::PUT, "/backends/r1", "unsupported-media-type"),
    ] {
        let reply = order(&rig, method, path).send().await.unwrap();
        assert_eq!(reply.headers()["content-type"], "application/problem+json");
        assert_eq!(reply.json::<Problem>().await.unwrap().slug(), slug, "{path}");
    }
    let address = "127.0.0.1:1".parse().unwrap();
    let bad_id =
        order(&rig, Method::PUT, "/backends/r%201").json(&PutBackend { address });
    assert_eq!(bad_id.send().await.unwrap().status(), 400);
    assert!(rig.balancer.status().backends.is_empty());
}

#[tokio::test]
async fn the_command_line_means_what_it_says() {
    let told = args(&["--backend", "r1=127.0.0.1:4001", "--backend", "r2=[::1]:4002"]);
    assert_eq!(told.backends[1].id, "r2");
    let second = Place::Address("[::1]:4002".parse().unwrap());
    assert_eq!(told.backends[1].place, second);
    assert_eq!((told.edge.replica_id.as_str(), told.policy), ("lb", Policy::RoundRobin));
    let twice = args(&["--backend", "r1=127.0.0.1:1", "--backend", "r1=127.0.0.1:2"]);
    load_balancer::Balancer::new(&twice).unwrap_err();
}

#[tokio::test]
async fn a_listener_for_orders_is_not_opened_without_a_token() {
    let open_to_all = args(&["--admin-listen", "127.0.0.1:0"]);
    load_balancer::start(open_to_all).await.unwrap_err();
}

#[test]
fn an_empty_token_file_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), " \n").unwrap();
    load_balancer::admin::read_token(file.path()).unwrap_err();
    std::fs::write(file.path(), "  secret\n").unwrap();
    assert_eq!(load_balancer::admin::read_token(file.path()).unwrap().expose(), "secret");
}
