//! Tests of the logins after a fault of a container.

use super::test_cluster::{Balancer, ClusterConfig, REPLICAS, TestCluster};
use super::virtual_users::{LoginState, VirtualUser, all_are_logged_in};
use anyhow::ensure;
use std::collections::BTreeSet;

behind_both!(
    central_sessions_survive_replica_kill,
    replica_kill_loses_only_sessions_in_its_memory,
    logins_survive_replica_pause,
    logins_survive_replica_network_partition,
    redis_kill_loses_no_login_and_undoes_no_logout,
    redis_pause_loses_no_login_and_undoes_no_logout,
    logins_survive_balancer_kill,
);

/// The replicas without a fault.
const OTHERS: [&str; 2] = ["r2", "r3"];

async fn central_sessions_survive_replica_kill(balancer: Balancer) -> anyhow::Result<()> {
    let cluster = TestCluster::start(ClusterConfig::central(balancer)).await?;
    let users = VirtualUser::all(&cluster).await?;
    cluster.container("r1").kill().await?;
    all_are_logged_in(&users, &OTHERS).await?;
    cluster.container("r1").start_again().await?;
    cluster.wait_until_served_by(&REPLICAS).await?;
    all_are_logged_in(&users, &REPLICAS).await?;
    cluster.passed()
}

/// The counterexample: with sessions in memory the same kill logs out the users of the replica.
async fn replica_kill_loses_only_sessions_in_its_memory(
    balancer: Balancer,
) -> anyhow::Result<()> {
    let config = ClusterConfig { balancer, design: "sticky", policy: "sticky" };
    let cluster = TestCluster::start(config).await?;
    let users = VirtualUser::all(&cluster).await?;
    let mut replicas = Vec::new();
    for user in &users {
        replicas.push(user.is_logged_in().await?);
        let again = user.is_logged_in().await?;
        ensure!(
            replicas.last() == Some(&again),
            "{} was sent to another replica",
            user.name
        );
    }
    let spread: BTreeSet<_> = replicas.iter().map(String::as_str).collect();
    ensure!(spread == BTreeSet::from(REPLICAS), "the sessions are on {spread:?} only");
    cluster.container("r1").kill().await?;
    for (user, replica) in users.iter().zip(&replicas) {
        let expected = match replica.as_str() {
            "r1" => LoginState::LoggedOut,
            _ => LoginState::LoggedIn(replica.clone()),
        };
        let state = user.login_state().await?;
        ensure!(state == expected, "{} of {replica}: {state:?}", user.name);
    }
    cluster.passed()
}

async fn logins_survive_replica_pause(balancer: Balancer) -> anyhow::Result<()> {
    let cluster = TestCluster::start(ClusterConfig::central(balancer)).await?;
    let users = VirtualUser::all(&cluster).await?;
    cluster.container("r1").pause().await?;
    all_are_logged_in(&users, &OTHERS).await?;
    cluster.container("r1").resume().await?;
    cluster.wait_until_served_by(&REPLICAS).await?;
    all_are_logged_in(&users, &REPLICAS).await?;
    cluster.passed()
}

async fn logins_survive_replica_network_partition(
    balancer: Balancer,
) -> anyhow::Result<()> {
    let cluster = TestCluster::start(ClusterConfig::central(balancer)).await?;
    let users = VirtualUser::all(&cluster).await?;
    cluster.container("r1").disconnect().await?;
    all_are_logged_in(&users, &OTHERS).await?;
    cluster.container("r1").reconnect().await?;
    cluster.wait_until_served_by(&REPLICAS).await?;
    all_are_logged_in(&users, &REPLICAS).await?;
    cluster.passed()
}

/// Redis is a cache: without it sessions are read from the database, and a session that was
/// ended there stays ended when Redis starts empty.
async fn redis_kill_loses_no_login_and_undoes_no_logout(
    balancer: Balancer,
) -> anyhow::Result<()> {
    let cluster = TestCluster::start(ClusterConfig::central(balancer)).await?;
    let mut users = VirtualUser::all(&cluster).await?;
    all_are_logged_in(&users, &REPLICAS).await?;
    cluster.container("redis").kill().await?;
    all_are_logged_in(&users, &REPLICAS).await?;
    let leaver = users.swap_remove(0);
    leaver.client.end_session(&leaver.credential).await.done()?;
    cluster.container("redis").start_again().await?;
    stays_logged_out(&leaver, &users).await?;
    cluster.passed()
}

/// After the pause, Redis still has the session that was ended meanwhile.
async fn redis_pause_loses_no_login_and_undoes_no_logout(
    balancer: Balancer,
) -> anyhow::Result<()> {
    let cluster = TestCluster::start(ClusterConfig::central(balancer)).await?;
    let mut users = VirtualUser::all(&cluster).await?;
    all_are_logged_in(&users, &REPLICAS).await?;
    cluster.container("redis").pause().await?;
    all_are_logged_in(&users, &REPLICAS).await?;
    let leaver = users.swap_remove(0);
    leaver.client.end_session(&leaver.credential).await.done()?;
    cluster.container("redis").resume().await?;
    stays_logged_out(&leaver, &users).await?;
    cluster.passed()
}

async fn stays_logged_out(
    leaver: &VirtualUser,
    others: &[VirtualUser],
) -> anyhow::Result<()> {
    for _ in 0..2 * REPLICAS.len() {
        all_are_logged_in(others, &REPLICAS).await?;
        ensure!(
            leaver.login_state().await? == LoginState::LoggedOut,
            "a logout was undone"
        );
    }
    Ok(())
}

/// The balancer has no state to lose; only its published port changes.
async fn logins_survive_balancer_kill(balancer: Balancer) -> anyhow::Result<()> {
    let mut cluster = TestCluster::start(ClusterConfig::central(balancer)).await?;
    let users = VirtualUser::all(&cluster).await?;
    cluster.container("balancer").kill().await?;
    cluster.container("balancer").start_again().await?;
    cluster.refresh_address().await?;
    cluster.wait_until_served_by(&REPLICAS).await?;
    let users: Vec<_> = users.iter().map(|user| user.at(&cluster.url)).collect();
    all_are_logged_in(&users, &REPLICAS).await?;
    cluster.passed()
}
