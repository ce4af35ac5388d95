//! The services that the designs of Phase 2 share: started before the replicas, passed to them
//! as secrets, killed and restarted by command, and stopped at the end.

use crate::support::{alice, is_offered, pids, start_with, topology, until_gone};
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::files::{FileList, ListQuery};
use client::{CallResult, Client, CookieJar, Credential, Options, Upload};
use http::StatusCode;
use launcher::commands::MemberAction;
use launcher::{Backing, Cluster, Design, Files, Kind, ServerKind, State};
use load_balancer::config::Policy;
use std::time::{Duration, Instant};

/// A login, and the client that keeps the affinity cookie.
struct LoggedIn {
    client: Client,
    credential: Credential,
}

async fn log_in(cluster: &Cluster, design: Design) -> LoggedIn {
    let timeout = Duration::from_secs(15);
    let options =
        Options { timeout, keep_cookies: true, ..Options::with_new_connections() };
    let client = Client::with(&cluster.url(), options);
    // A machine that has just started eight processes may answer 503 at first.
    let attempt = async || {
        let login = client.log_in(design.into(), &alice()).await;
        Ok((login.status()? != StatusCode::SERVICE_UNAVAILABLE).then_some(login))
    };
    let login = eventually(PROCESS_TIMEOUT, "a login", attempt).await.expect("an answer");
    let credential = login.done().expect("a login").body.credential;
    LoggedIn { client, credential }
}

impl LoggedIn {
    async fn list(&self) -> CallResult<FileList> {
        self.client.list(&self.credential, &ListQuery::default()).await
    }

    async fn status(&self) -> StatusCode {
        self.list().await.status().expect("an answer")
    }

    async fn upload(&self) {
        let file = Upload::new("kept.txt", "kept");
        self.client.upload(&self.credential, &file).await.done().expect("an upload");
    }
}

/// The number of accepted requests of six in a row.
async fn count_accepted(login: &LoggedIn) -> usize {
    let mut accepted = 0;
    for _ in 0..6 {
        accepted += usize::from(login.status().await == StatusCode::OK);
    }
    accepted
}

/// Waits until a request gets this status.
async fn wait_for_status(login: &LoggedIn, wanted: StatusCode) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let status = login.status().await;
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
    let login = log_in(&cluster, Design::Memory).await;
    assert_eq!(count_accepted(&login).await, 2);
    cluster.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sticky_design_uses_a_sticky_balancer() {
    assert_eq!(ServerKind::from(Design::Sticky).default_policy(), Policy::Sticky);
    let cluster = start_with(Design::Sticky, 2, Backing::Embedded).await;
    let login = log_in(&cluster, Design::Sticky).await;
    let cookies = login.client.cookies().and_then(CookieJar::header);
    assert!(cookies.is_some(), "the balancer sets its affinity cookie");
    cluster.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_killed_paused_and_restarted_by_command() {
    if !is_offered(Kind::Local).await {
        return;
    }
    let cluster = start_with(Design::Central, 3, Backing::Local).await;
    let login = log_in(&cluster, Design::Central).await;
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
        wait_for_status(&login, StatusCode::OK).await;
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
        let login = log_in(&cluster, Design::Central).await;
        let listed = login.list().await.done().unwrap().body;
        assert_eq!(listed.files.len(), expected, "{listed:?}");
        login.upload().await;
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
    let login = log_in(&cluster, Design::Token).await;
    login.upload().await;
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
