//! Logins of the five designs under the same fault, one test for each design.
//!
//! The tests of one fault differ only in the design and the expected outcome.

use crate::testbed::{TestCluster, logged_in, with_shared_cluster};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use launcher::Design;
use launcher::commands::MemberAction;
use std::time::Duration;
use workload::entry::{Entry, OperationOutcome};
use workload::virtual_user::{CallOutcome, LoginCredential, VirtualUser};

/// The longest time until the balancer detects a killed replica.
const DETECTION_TIMEOUT: Duration = Duration::from_secs(20);

/// The number of requests for one check. It is more than the replicas, so that a round-robin
/// balancer would be detected.
const REQUESTS: usize = 4;

/// The state of a login after a fault.
#[derive(Debug, PartialEq, Eq)]
enum Login {
    Kept,
    Lost,
}

/// A user that has logged in through the balancer, and the replica that answered.
struct LoggedIn {
    virtual_user: VirtualUser,
    credential: LoginCredential,
    replica: String,
}

impl LoggedIn {
    async fn at(fixture: &TestCluster, name: &'static str) -> anyhow::Result<Self> {
        let trial = fixture.trial(name, 1, 1);
        let mut virtual_user = trial.user(0, &fixture.cluster.url());
        let credential = logged_in(&mut virtual_user).await?;
        let served_by = |entries: &[Entry]| entries.last()?.served_by.clone();
        let replica = trial.recorder.with_entries(served_by);
        Ok(Self {
            virtual_user,
            credential,
            replica: replica.context("every reply names its replica")?,
        })
    }

    /// Checks that the replica of the login accepts it, and that a sticky balancer routes to that
    /// replica. Without this, a login that never worked would count as lost.
    async fn check_login(&self, fixture: &TestCluster) -> anyhow::Result<()> {
        let at = fixture.cluster.replica_ids().iter().position(|id| *id == self.replica);
        let replica =
            &fixture.replica_urls().await?[at.context("a replica of that name")?];
        let (replica, balancer) = (self.virtual_user.at_url(replica), &self.virtual_user);
        for _ in 0..REQUESTS {
            let result = replica.list(&self.credential).await.0;
            ensure!(result.is_ok(), "{} refuses the login: {result:?}", self.replica);
            if fixture.design == Design::Sticky {
                let result = balancer.list(&self.credential).await.0;
                ensure!(result.is_ok(), "the balancer used another replica: {result:?}");
            }
        }
        Ok(())
    }

    /// The state of the login. Requests are repeated until there is a definite answer, because
    /// the balancer may first have to detect the killed replica.
    async fn login(&self) -> anyhow::Result<Login> {
        eventually(DETECTION_TIMEOUT, "a definite answer about the login", async || {
            Ok(match self.virtual_user.list(&self.credential).await.0 {
                CallOutcome { outcome: OperationOutcome::Ok, .. } => Some(Login::Kept),
                CallOutcome { credential_refused: true, .. } => Some(Login::Lost),
                _ => None,
            })
        })
        .await
    }
}

/// Kills the replica that answered the login, and sends requests to the others.
fn kill_its_replica(design: Design, expected: &Login) -> anyhow::Result<()> {
    with_shared_cluster(design, async |fixture| {
        let alice = LoggedIn::at(fixture, "killing_one_replica").await?;
        alice.check_login(fixture).await?;
        fixture.execute(&alice.replica, MemberAction::Kill).await?;
        ensure!(alice.login().await? == *expected, "{design:?}: not {expected:?}");
        Ok(())
    })
}

#[test]
fn killing_one_replica_ends_logins_with_memory() -> anyhow::Result<()> {
    kill_its_replica(Design::Memory, &Login::Lost)
}

#[test]
fn killing_one_replica_ends_logins_with_sticky() -> anyhow::Result<()> {
    kill_its_replica(Design::Sticky, &Login::Lost)
}

#[test]
fn killing_one_replica_keeps_logins_with_replicated() -> anyhow::Result<()> {
    kill_its_replica(Design::Replicated, &Login::Kept)
}

#[test]
fn killing_one_replica_keeps_logins_with_central() -> anyhow::Result<()> {
    kill_its_replica(Design::Central, &Login::Kept)
}

#[test]
fn killing_one_replica_keeps_logins_with_token() -> anyhow::Result<()> {
    kill_its_replica(Design::Token, &Login::Kept)
}

/// Kills all replicas, so that no replica can replicate its sessions, and restarts them.
fn kill_all_replicas(design: Design, expected: &Login) -> anyhow::Result<()> {
    with_shared_cluster(design, async |fixture| {
        let alice = LoggedIn::at(fixture, "killing_all_replicas").await?;
        alice.check_login(fixture).await?;
        for id in fixture.cluster.replica_ids() {
            fixture.execute(&id, MemberAction::Kill).await?;
        }
        fixture.restore().await?;
        ensure!(alice.login().await? == *expected, "{design:?}: not {expected:?}");
        Ok(())
    })
}

#[test]
fn killing_all_replicas_ends_logins_with_memory() -> anyhow::Result<()> {
    kill_all_replicas(Design::Memory, &Login::Lost)
}

#[test]
fn killing_all_replicas_ends_logins_with_sticky() -> anyhow::Result<()> {
    kill_all_replicas(Design::Sticky, &Login::Lost)
}

#[test]
fn killing_all_replicas_ends_logins_with_replicated() -> anyhow::Result<()> {
    kill_all_replicas(Design::Replicated, &Login::Lost)
}

#[test]
fn killing_all_replicas_keeps_logins_with_central() -> anyhow::Result<()> {
    kill_all_replicas(Design::Central, &Login::Kept)
}

#[test]
fn killing_all_replicas_keeps_logins_with_token() -> anyhow::Result<()> {
    kill_all_replicas(Design::Token, &Login::Kept)
}

/// `lab compare` measures how much slower; this test checks correctness.
#[test]
fn killing_redis_makes_central_slower_but_correct() -> anyhow::Result<()> {
    with_shared_cluster(Design::Central, async |fixture| {
        if !fixture.has("redis").await {
            return Ok(());
        }
        let alice = LoggedIn::at(fixture, "killing_redis_makes_central_slower").await?;
        let bob = LoggedIn::at(fixture, "killing_redis_makes_central_slower").await?;
        let with_redis = time_reads(&alice).await?;
        fixture.execute("redis", MemberAction::Kill).await?;
        let without_redis = time_reads(&alice).await?;
        let ended = eventually(DETECTION_TIMEOUT, "an acknowledged logout", async || {
            let result = bob.virtual_user.log_out(&bob.credential).await;
            Ok((result.outcome != OperationOutcome::Info).then_some(result.outcome))
        });
        ensure!(ended.await? == OperationOutcome::Ok);
        ensure!(bob.login().await? == Login::Lost, "the logout was lost without Redis");
        let mut carol = bob.virtual_user.clone();
        logged_in(&mut carol).await?;
        fixture.execute("redis", MemberAction::Restart).await?;
        ensure!(alice.login().await? == Login::Kept);
        ensure!(
            bob.login().await? == Login::Lost,
            "the logout was lost after the restart of Redis"
        );
        println!(
            "30 reads: with Redis {with_redis:?}, right after its kill {without_redis:?}"
        );
        Ok(())
    })
}

/// The duration of thirty reads, each of which must be correct.
async fn time_reads(alice: &LoggedIn) -> anyhow::Result<Duration> {
    let began = std::time::Instant::now();
    for _ in 0..30 {
        ensure!(alice.login().await? == Login::Kept, "the login was lost with Redis");
    }
    Ok(began.elapsed())
}
