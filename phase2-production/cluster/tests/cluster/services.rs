//! The designs of Phase 2 and the services that they share: started first, given to the
//! replicas in secret, broken and mended by order, gone in the end.

use crate::support::{is_offered, pids, start_with, topology, until_gone};
use api_conformance::eventually::eventually;
use api_conformance::process::PATIENCE;
use cluster::orders::Order;
use cluster::{Backing, Cluster, Design, Files, Kind, ServerKind, State};
use load_balancer::config::Policy;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn client() -> Client {
    http_edge::crypto::choose();
    Client::builder()
        .timeout(Duration::from_secs(15))
        .no_proxy()
        .build()
        .expect("a client")
}

/// What a caller shows after a login: a session or a token, and the balancer's cookie.
struct Proof {
    name: &'static str,
    value: String,
    cookie: String,
}

async fn log_in(cluster: &Cluster, design: Design) -> Proof {
    let path = if design.has_sessions() { "session/start" } else { "token" };
    let given = json!({"username": "alice", "password": "correct-horse"});
    let url = format!("{}/api/{path}", cluster.url());
    // A machine that has just started eight processes may be told to come back.
    let let_in = async || {
        let reply = client().post(&url).json(&given).send().await?;
        Ok((reply.status() != StatusCode::SERVICE_UNAVAILABLE).then_some(reply))
    };
    let reply = eventually(PATIENCE, "a login", let_in).await.expect("an answer");
    assert!(reply.status().is_success(), "{design:?}: {reply:?}");
    let cookies = reply.headers().get_all(SET_COOKIE).iter();
    let cookies = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    let cookie = cookies.collect::<Vec<_>>().join("; ");
    let body: Value = reply.json().await.expect("JSON");
    let text = |field: &str| body[field].as_str().expect("a text").to_owned();
    match design.has_sessions() {
        true => Proof { name: "X-Session-ID", value: text("session_id"), cookie },
        false => {
            let value = format!("Bearer {}", text("access_token"));
            Proof { name: "Authorization", value, cookie }
        }
    }
}

async fn list(cluster: &Cluster, proof: &Proof) -> Response {
    let call = client().get(format!("{}/api/files", cluster.url()));
    let call = call.header(proof.name, &proof.value).header(COOKIE, &proof.cookie);
    call.send().await.expect("an answer")
}

async fn upload(cluster: &Cluster, proof: &Proof) {
    let file = Part::bytes("kept".as_bytes()).file_name("kept.txt");
    let call = client().post(format!("{}/api/upload", cluster.url()));
    let call = call.header(proof.name, &proof.value).header(COOKIE, &proof.cookie);
    let reply = call.multipart(Form::new().part("file", file)).send().await;
    assert_eq!(reply.expect("an answer").status(), StatusCode::CREATED);
}

/// How many of six calls in a row are let in.
async fn let_in(cluster: &Cluster, proof: &Proof) -> usize {
    let mut let_in = 0;
    for _ in 0..6 {
        let_in += usize::from(list(cluster, proof).await.status() == StatusCode::OK);
    }
    let_in
}

/// Waits until a call is answered like this.
async fn until_answered(cluster: &Cluster, proof: &Proof, wanted: StatusCode) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let status = list(cluster, proof).await.status();
        if status == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{status} and never {wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Of six calls in turn, the two that come to the replica which took the login.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_in_memory_are_known_to_one_replica_of_three() {
    let cluster = start_with(Design::Memory, 3, Backing::Embedded).await;
    let proof = log_in(&cluster, Design::Memory).await;
    assert_eq!(let_in(&cluster, &proof).await, 2);
    cluster.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sticky_design_gets_a_sticky_balancer() {
    assert_eq!(ServerKind::from(Design::Sticky).default_policy(), Policy::Sticky);
    let cluster = start_with(Design::Sticky, 2, Backing::Embedded).await;
    let proof = log_in(&cluster, Design::Sticky).await;
    assert!(!proof.cookie.is_empty(), "the balancer marks its client");
    cluster.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_killed_paused_and_restarted_by_order() {
    if !is_offered(Kind::Local).await {
        return;
    }
    let cluster = start_with(Design::Central, 3, Backing::Local).await;
    let proof = log_in(&cluster, Design::Central).await;
    for id in ["redis", "database"] {
        for (order, state) in [
            (Order::Kill, State::Down),
            (Order::Restart, State::Up),
            (Order::Pause, State::Paused),
            (Order::Resume, State::Up),
            (Order::Stop, State::Down),
            (Order::Restart, State::Up),
        ] {
            cluster.order(id, order).await.unwrap();
            let status = cluster.status().await;
            assert_eq!(status.service(id).unwrap().state, state, "{id} after {order:?}");
        }
        until_answered(&cluster, &proof, StatusCode::OK).await;
        let refused = cluster.order(id, Order::Drain).await.unwrap_err().to_string();
        assert!(refused.contains("replicas are drained"), "{refused}");
    }
    cluster.order("database", Order::Kill).await.unwrap();
    let refused = cluster.order("database", Order::Pause).await.unwrap_err().to_string();
    assert!(refused.contains("cargo lab restart database"), "{refused}");
    let refused = cluster.order("mongo", Order::Kill).await.unwrap_err().to_string();
    assert!(refused.contains("database, redis"), "{refused}");
    cluster.down().await;
}

/// Neither in its arguments, which everybody can read, nor as an owner in its environment.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_get_their_urls_in_secret_and_never_the_owner_s() {
    if !is_offered(Kind::Local).await {
        return;
    }
    let cluster = start_with(Design::Central, 1, Backing::Local).await;
    let status = cluster.status().await;
    let read = |pid: i32, what: &str| {
        let bytes = std::fs::read(format!("/proc/{pid}/{what}")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let secrets: Vec<_> = {
        let replica = status.member("r1").and_then(|replica| replica.pid).unwrap();
        let environment = read(replica, "environ");
        assert!(environment.contains("DATABASE_URL=postgres://upload_app:"));
        assert!(!environment.contains("DATABASE_OWNER_URL"));
        assert!(!environment.contains("postgres://lab:"));
        let urls = environment.split('\0').filter(|one| one.contains("_URL="));
        let password =
            |url: &str| Some(url.rsplit_once('@')?.0.rsplit_once(':')?.1.to_owned());
        urls.filter_map(password).collect()
    };
    assert_eq!(secrets.len(), 2, "the database's and Redis'");
    for pid in pids(&status) {
        let arguments = read(pid, "cmdline");
        assert!(secrets.iter().all(|secret| !arguments.contains(secret)));
    }
    let balancer = status.member("lb").and_then(|balancer| balancer.pid).unwrap();
    assert!(!read(balancer, "environ").contains("_URL="));
    let shown = serde_json::to_string(&status).unwrap();
    assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
    cluster.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_outlive_the_cluster_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    for expected in [0, 1] {
        let mut topology = topology(Design::Central, 2);
        topology.data_dir = Some(folder.path().to_owned());
        topology.backing = Backing::Embedded;
        let cluster = Cluster::start(topology).await.unwrap();
        let proof = log_in(&cluster, Design::Central).await;
        let listed: Value = list(&cluster, &proof).await.json().await.unwrap();
        assert_eq!(listed["files"].as_array().unwrap().len(), expected, "{listed}");
        upload(&cluster, &proof).await;
        cluster.down().await;
    }
    let mut topology = topology(Design::Central, 1);
    topology.data_dir = Some(folder.path().to_owned());
    topology.backing = Backing::Local;
    let refused = Cluster::start(topology).await.unwrap_err().to_string();
    assert!(refused.contains("DATABASE_URL"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_may_lie_in_a_store_instead_of_a_folder() {
    let mut topology = topology(Design::Token, 2);
    topology.backing = Backing::Embedded;
    topology.files = Files::S3;
    let cluster = Cluster::start(topology).await.unwrap();
    let store = cluster.status().await.service("s3").cloned().unwrap();
    assert_eq!(store.state, State::Up);
    let proof = log_in(&cluster, Design::Token).await;
    upload(&cluster, &proof).await;
    assert!(!cluster.run_dir().join("data/blobs").exists(), "not in the folder");
    cluster.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_end_leaves_no_service() {
    let cluster = start_with(Design::Central, 1, Backing::Auto).await;
    let (pids, folder) = (pids(&cluster.status().await), cluster.run_dir().to_owned());
    let logs = cluster.status().await.services.into_iter().filter_map(|one| one.log);
    let logs: Vec<_> = logs.collect();
    cluster.order("redis", Order::Pause).await.unwrap();
    cluster.down().await;
    drop(cluster);
    until_gone(&pids, &folder).await;
    assert!(logs.iter().all(|log| !log.exists()), "their folders are gone: {logs:?}");
}
