//! The services that the designs of Phase 2 share: started before the replicas, passed to them
//! as secrets, killed and restarted by command, and stopped at the end.

use crate::support::{is_offered, pids, start_with, topology, until_gone};
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use launcher::commands::MemberAction;
use launcher::{Backing, Cluster, Design, Files, Kind, ServerKind, State};
use load_balancer::config::Policy;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn client() -> Client {
    http_edge::crypto::install_provider();
    Client::builder()
        .timeout(Duration::from_secs(15))
        .no_proxy()
        .build()
        .expect("a client")
}

/// The credential from a login (a session id or a token), and the affinity cookie.
struct Credential {
    name: &'static str,
    value: String,
    cookie: String,
}

async fn log_in(cluster: &Cluster, design: Design) -> Credential {
    let path = if design.has_sessions() { "session/start" } else { "token" };
    let given = json!({"username": "alice", "password": "correct-horse"});
    let url = format!("{}/api/{path}", cluster.url());
    // A machine that has just started eight processes may answer 503 at first.
    let attempt = async || {
        let reply = client().post(&url).json(&given).send().await?;
        Ok((reply.status() != StatusCode::SERVICE_UNAVAILABLE).then_some(reply))
    };
    let reply = eventually(PROCESS_TIMEOUT, "a login", attempt).await.expect("an answer");
    assert!(reply.status().is_success(), "{design:?}: {reply:?}");
    let cookies = reply.headers().get_all(SET_COOKIE).iter();
    let cookies = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    let cookie = cookies.collect::<Vec<_>>().join("; ");
    let body: Value = reply.json().await.expect("JSON");
    let text = |field: &str| body[field].as_str().expect("a text").to_owned();
    match design.has_sessions() {
        true => Credential { name: "X-Session-ID", value: text("session_id"), cookie },
        false => {
            let value = format!("Bearer {}", text("access_token"));
            Credential { name: "Authorization", value, cookie }
        }
    }
}

async fn list(cluster: &Cluster, credential: &Credential) -> Response {
    let call = client().get(format!("{}/api/files", cluster.url()));
    let call = call
        .header(credential.name, &credential.value)
        .header(COOKIE, &credential.cookie);
    call.send().await.expect("an answer")
}

async fn upload(cluster: &Cluster, credential: &Credential) {
    let file = Part::bytes("kept".as_bytes()).file_name("kept.txt");
    let call = client().post(format!("{}/api/upload", cluster.url()));
    let call = call
        .header(credential.name, &credential.value)
        .header(COOKIE, &credential.cookie);
    let reply = call.multipart(Form::new().part("file", file)).send().await;
    assert_eq!(reply.expect("an answer").status(), StatusCode::CREATED);
}

/// The number of accepted requests of six in a row.
async fn count_accepted(cluster: &Cluster, credential: &Credential) -> usize {
    let mut accepted = 0;
    for _ in 0..6 {
        accepted +=
            usize::from(list(cluster, credential).await.status() == StatusCode::OK);
    }
    accepted
}

/// Waits until a request gets this status.
async fn wait_for_status(cluster: &Cluster, credential: &Credential, wanted: StatusCode) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let status = list(cluster, credential).await.status();
        if status == wanted {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "the status stays {status}, expected {wanted}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Of six requests in round robin, only two reach the replica of the login.
#[tokio::test(flavor = "multi_thread")]
async fn memory_session_exists_on_one_of_three_replicas() {
    let cluster = start_with(Design::Memory, 3, Backing::Embedded).await;
    let credential = log_in(&cluster, Design::Memory).await;
    assert_eq!(count_accepted(&cluster, &credential).await, 2);
    cluster.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sticky_design_uses_a_sticky_balancer() {
    assert_eq!(ServerKind::from(Design::Sticky).default_policy(), Policy::Sticky);
    let cluster = start_with(Design::Sticky, 2, Backing::Embedded).await;
    let credential = log_in(&cluster, Design::Sticky).await;
    assert!(!credential.cookie.is_empty(), "the balancer sets its affinity cookie");
    cluster.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_killed_paused_and_restarted_by_command() {
    if !is_offered(Kind::Local).await {
        return;
    }
    let cluster = start_with(Design::Central, 3, Backing::Local).await;
    let credential = log_in(&cluster, Design::Central).await;
    for id in ["redis", "database"] {
        for (order, state) in [
            (MemberAction::Kill, State::Down),
            (MemberAction::Restart, State::Up),
            (MemberAction::Pause, State::Paused),
            (MemberAction::Resume, State::Up),
            (MemberAction::Stop, State::Down),
            (MemberAction::Restart, State::Up),
        ] {
            cluster.execute(id, order).await.unwrap();
            let status = cluster.status().await;
            assert_eq!(status.service(id).unwrap().state, state, "{id} after {order:?}");
        }
        wait_for_status(&cluster, &credential, StatusCode::OK).await;
        let refused =
            cluster.execute(id, MemberAction::Drain).await.unwrap_err().to_string();
        assert!(refused.contains("replicas are drained"), "{refused}");
    }
    cluster.execute("database", MemberAction::Kill).await.unwrap();
    let refused =
        cluster.execute("database", MemberAction::Pause).await.unwrap_err().to_string();
    assert!(refused.contains("cargo lab restart database"), "{refused}");
    let refused =
        cluster.execute("mongo", MemberAction::Kill).await.unwrap_err().to_string();
    assert!(refused.contains("database, redis"), "{refused}");
    cluster.down().await;
}

/// Passwords are not in the arguments, which all users can read, and the owner URL is not in the
/// environment.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_get_urls_by_environment_without_the_owner_url() {
    if !is_offered(Kind::Local).await {
        return;
    }
    let cluster = start_with(Design::Central, 1, Backing::Local).await;
    let status = cluster.status().await;
    let read = |pid: i32, file: &str| {
        let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
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
    assert_eq!(secrets.len(), 2, "the passwords of the database and of Redis");
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
async fn persistent_data_outlives_the_cluster() {
    let folder = tempfile::tempdir().unwrap();
    for expected in [0, 1] {
        let mut topology = topology(Design::Central, 2);
        topology.data_dir = Some(folder.path().to_owned());
        topology.backing = Backing::Embedded;
        let cluster = Cluster::start(topology).await.unwrap();
        let credential = log_in(&cluster, Design::Central).await;
        let listed: Value = list(&cluster, &credential).await.json().await.unwrap();
        assert_eq!(listed["files"].as_array().unwrap().len(), expected, "{listed}");
        upload(&cluster, &credential).await;
        cluster.down().await;
    }
    let mut topology = topology(Design::Central, 1);
    topology.data_dir = Some(folder.path().to_owned());
    topology.backing = Backing::Local;
    let refused = Cluster::start(topology).await.unwrap_err().to_string();
    assert!(refused.contains("DATABASE_URL"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_can_be_stored_in_s3() {
    let mut topology = topology(Design::Token, 2);
    topology.backing = Backing::Embedded;
    topology.files = Files::S3;
    let cluster = Cluster::start(topology).await.unwrap();
    let store = cluster.status().await.service("s3").cloned().unwrap();
    assert_eq!(store.state, State::Up);
    let credential = log_in(&cluster, Design::Token).await;
    upload(&cluster, &credential).await;
    assert!(
        !cluster.run_dir().join("data/blobs").exists(),
        "the blobs must not be in the folder"
    );
    cluster.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orderly_stop_leaves_no_service() {
    let cluster = start_with(Design::Central, 1, Backing::Auto).await;
    let (pids, folder) = (pids(&cluster.status().await), cluster.run_dir().to_owned());
    let logs = cluster.status().await.services.into_iter().filter_map(|one| one.log);
    let logs: Vec<_> = logs.collect();
    cluster.execute("redis", MemberAction::Pause).await.unwrap();
    cluster.down().await;
    drop(cluster);
    until_gone(&pids, &folder).await;
    assert!(logs.iter().all(|log| !log.exists()), "log files remain: {logs:?}");
}
