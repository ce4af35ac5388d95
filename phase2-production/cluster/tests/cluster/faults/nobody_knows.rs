//! Redis and the database at once: nobody can know whether a proof is good (I7).

use crate::stage::{Scene, on_stage};
use anyhow::ensure;
use api_conformance::eventually::eventually;
use cluster::Design;
use cluster::orders::Order;
use ledger::Invariant;
use ledger::entry::{Answered, Entry};
use std::time::Duration;

/// How long the crowd may take to ask while nobody knows; each waits for two stores.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers of a replica, while it could not know, that are enough to judge by. Whoever logs
/// out meanwhile, or asks for the next token, has no proof to ask with after that.
const ENOUGH: usize = 4;

#[test]
fn while_neither_redis_nor_the_database_answers_nobody_is_let_in_or_logged_out()
-> anyhow::Result<()> {
    for design in [Design::Central, Design::Token] {
        for order in [Order::Kill, Order::Pause] {
            on_stage(design, async |scene| nobody_knows(scene, order).await)?;
        }
    }
    Ok(())
}

/// The crowd stands before a replica: the balancer would answer in its place.
async fn nobody_knows(scene: &Scene, order: Order) -> anyhow::Result<()> {
    if !scene.has("redis").await || !scene.has("database").await {
        return Ok(());
    }
    let trial = scene.trial("while_neither_redis_nor_the_database_answers", 107, 3);
    let crowd = trial.crowd(&scene.doors().await?[0]);
    trial.until_all_are_served().await;
    let mend = if order == Order::Kill { Order::Restart } else { Order::Resume };
    let redis = trial.strike(scene, "redis", order).await?;
    let database = trial.strike(scene, "database", order).await?;
    let since = trial.recorder.now_ms();
    let told = |entry: &&Entry| {
        let asked = entry.act.proof().is_some() && entry.began_ms > since;
        asked && entry.answered == Answered::Problem && entry.status == Some(503)
    };
    eventually(PATIENCE, "answers of somebody who cannot know", async || {
        let count =
            trial.recorder.with_entries(|entries| entries.iter().filter(told).count());
        Ok((count >= ENOUGH).then_some(()))
    })
    .await?;
    trial.mend(scene, database, ("database", mend)).await?;
    trial.mend(scene, redis, ("redis", mend)).await?;
    let left = trial.finish(crowd).await;
    let shown =
        [Invariant::Honest, Invariant::Dead, Invariant::Answered, Invariant::Logins];
    let history = trial.judge_by(scene, &left, &shown).await?;
    ensure!(history.entries.iter().filter(told).all(|entry| entry.served_by.is_some()));
    Ok(())
}
