//! Tests of a rolling update under load.

use super::test_cluster::{Balancer, ClusterConfig, REPLICAS, TestCluster};
use super::virtual_users::{LoginState, VirtualUser, all_are_logged_in};
use anyhow::ensure;
use futures_util::future::try_join_all;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

behind_both!(
    rolling_update_fails_no_request_and_loses_no_session,
    replica_kill_during_rolling_update_loses_no_acknowledged_data,
);

/// The replicas after the update.
const NEW_REPLICAS: [&str; 3] = ["r1-new", "r2-new", "r3-new"];

/// The pause between two rounds of a user.
const REQUEST_INTERVAL: Duration = Duration::from_millis(50);

/// The minimum number of requests of all users, so that the test is under load.
const MIN_REQUESTS: usize = 100;

/// The results of one user.
#[derive(Debug, Default)]
struct UserResults {
    requests: usize,
    failures: Vec<String>,
    logged_out: bool,
    uploaded: Vec<String>,
}

async fn rolling_update_fails_no_request_and_loses_no_session(
    balancer: Balancer,
) -> anyhow::Result<()> {
    let mut cluster = TestCluster::start(ClusterConfig::central(balancer)).await?;
    let users = VirtualUser::all(&cluster).await?;
    let stop = CancellationToken::new();
    let load = start_load(&users, &stop);
    for (slot, new) in REPLICAS.into_iter().zip(NEW_REPLICAS) {
        cluster.replace(slot, new).await?;
    }
    stop.cancel();
    let mut requests = 0;
    for results in try_join_all(load).await? {
        requests += results.requests;
        ensure!(results.failures.is_empty(), "{:?}", results.failures);
    }
    ensure!(requests > MIN_REQUESTS, "only {requests} requests");
    all_are_logged_in(&users, &NEW_REPLICAS).await?;
    cluster.passed()
}

async fn replica_kill_during_rolling_update_loses_no_acknowledged_data(
    balancer: Balancer,
) -> anyhow::Result<()> {
    let mut cluster = TestCluster::start(ClusterConfig::central(balancer)).await?;
    let users = VirtualUser::all(&cluster).await?;
    let stop = CancellationToken::new();
    let load = start_load(&users, &stop);
    cluster.replace("r1", "r1-new").await?;
    cluster.container("r3").kill().await?;
    cluster.replace("r2", "r2-new").await?;
    cluster.container("r3").start_again().await?;
    cluster.wait_until_served_by(&["r1-new", "r2-new", "r3"]).await?;
    stop.cancel();
    for (user, results) in users.iter().zip(try_join_all(load).await?) {
        ensure!(!results.logged_out, "{} was logged out", user.name);
        ensure!(!results.uploaded.is_empty(), "{} has no acknowledged upload", user.name);
        let listed = user.files().await?;
        let lost = results.uploaded.iter().find(|id| !listed.contains_key(*id));
        ensure!(lost.is_none(), "acknowledged and lost: {lost:?}");
    }
    cluster.passed()
}

type UserTask = tokio::task::JoinHandle<UserResults>;

/// Starts the load of all users until `stop`.
fn start_load(users: &[VirtualUser], stop: &CancellationToken) -> Vec<UserTask> {
    let users = users.iter().cloned();
    users.map(|user| tokio::spawn(run_user(user, stop.clone()))).collect()
}

/// Requests the session and uploads a file in turn, without retries.
async fn run_user(user: VirtualUser, stop: CancellationToken) -> UserResults {
    let mut results = UserResults::default();
    while !stop.is_cancelled() {
        results.requests += 2;
        match user.try_login_state().await {
            LoginState::LoggedIn(_) => {}
            LoginState::LoggedOut => {
                results.logged_out = true;
                results.failures.push("logged out".to_owned());
            }
            LoginState::Unknown(why) => results.failures.push(why),
        }
        match user.upload("file", 10_000).await.done() {
            Ok(created) => results.uploaded.push(created.body.file_id),
            Err(error) => results.failures.push(format!("{error:#}")),
        }
        tokio::time::sleep(REQUEST_INTERVAL).await;
    }
    results
}
