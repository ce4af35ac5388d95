//! Redis and the database fail at once, so no replica can verify a credential (I7).

use crate::testbed::{TestCluster, with_shared_cluster};
use anyhow::ensure;
use api_conformance::eventually::eventually;
use launcher::Design;
use launcher::commands::MemberAction;
use std::time::Duration;
use workload::Invariant;
use workload::entry::{Entry, ReplyKind};

/// The longest time until enough replies arrive. Each waits for two stores.
const REPLIES_TIMEOUT: Duration = Duration::from_secs(30);

/// The number of 503 replies that are enough for a result. A user that logs out or refreshes
/// its token during the fault has no credential for further requests.
const REQUIRED_REPLIES: usize = 4;

#[test]
fn unavailable_stores_neither_accept_nor_end_logins() -> anyhow::Result<()> {
    for design in [Design::Central, Design::Token] {
        for order in [MemberAction::Kill, MemberAction::Pause] {
            with_shared_cluster(design, async |fixture| {
                fail_both_stores(fixture, order).await
            })?;
        }
    }
    Ok(())
}

/// The workload uses one replica directly, because the balancer would answer in its place.
async fn fail_both_stores(
    fixture: &TestCluster,
    command: MemberAction,
) -> anyhow::Result<()> {
    if !fixture.has("redis").await || !fixture.has("database").await {
        return Ok(());
    }
    let trial = fixture.trial("unavailable_stores", 107, 3);
    let workload = trial.start_workload(&fixture.replica_urls().await?[0]);
    trial.until_all_are_served().await;
    let was_killed = command == MemberAction::Kill;
    let repair = if was_killed { MemberAction::Restart } else { MemberAction::Resume };
    let redis = trial.inject(fixture, "redis", command).await?;
    let database = trial.inject(fixture, "database", command).await?;
    let since = trial.recorder.now_ms();
    let refused = |entry: &&Entry| {
        let authenticated =
            entry.operation.credential().is_some() && entry.invoked_ms() > since;
        authenticated
            && entry.reply_kind == ReplyKind::Problem
            && entry.status == Some(503)
    };
    eventually(REPLIES_TIMEOUT, "enough 503 replies", async || {
        let count =
            trial.recorder.with_entries(|entries| entries.iter().filter(refused).count());
        Ok((count >= REQUIRED_REPLIES).then_some(()))
    })
    .await?;
    trial.repair(fixture, database, ("database", repair)).await?;
    trial.repair(fixture, redis, ("redis", repair)).await?;
    let users = trial.finish(workload).await;
    let required = [
        Invariant::UnverifiableIs503,
        Invariant::Revocation,
        Invariant::Availability,
        Invariant::LoginsSurvive,
    ];
    let history = trial.check_invariants(fixture, &users, &required).await?;
    let mut all_refused = history.entries.iter().filter(refused);
    ensure!(all_refused.all(|entry| entry.served_by.is_some()));
    Ok(())
}
