//! The database crashes and hangs: faults 18 and 19 of the matrix.

use crate::stage::{logged_in, on_stage};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use cluster::Design;
use cluster::orders::Order;
use ledger::content::Content;
use ledger::entry::Ended;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Fault 18: what was committed survives the crash, and the pools recover by themselves.
#[test]
fn acknowledged_uploads_survive_a_database_that_is_killed_under_a_crowd()
-> anyhow::Result<()> {
    for design in [Design::Central, Design::Token] {
        on_stage(design, async |scene| {
            if !scene.has("database").await {
                return Ok(());
            }
            let trial = scene.trial("acknowledged_uploads_survive_a_database", 18, 4);
            let crowd = trial.crowd(&scene.cluster.url());
            trial.until_all_are_served().await;
            let fault = trial.strike(scene, "database", Order::Kill).await?;
            trial.mend(scene, fault, ("database", Order::Restart)).await?;
            let left = trial.finish(crowd).await;
            trial.judge(scene, &left).await.map(drop)
        })?;
    }
    Ok(())
}

/// Fault 19: what can be answered without the database is, and the rest is told to come
/// back, soon.
#[test]
fn while_the_database_hangs_sessions_are_known_and_uploads_are_told_to_come_back()
-> anyhow::Result<()> {
    on_stage(Design::Central, async |scene| {
        if !scene.has("database").await || !scene.has("redis").await {
            return Ok(());
        }
        let trial = scene.trial("while_the_database_hangs", 19, 1);
        let mut alice = trial.person(0, &scene.cluster.url());
        let held = logged_in(&mut alice).await?;
        for _ in 0..6 {
            alice.look(&held).await;
        }
        let fault = trial.strike(scene, "database", Order::Pause).await?;
        let mut dice = ChaCha8Rng::seed_from_u64(trial.seed);
        let content = Content::new(0, &alice.account.username, 1, 2_000, &mut dice);
        let (refused, _) = alice.upload(&held, &content, Some("once")).await;
        ensure!(refused.ended == Ended::Unknown, "nobody could store it: {refused:?}");
        let last =
            trial.recorder.history().entries.pop().context("it was written down")?;
        ensure!(last.status == Some(503), "it was not told to come back: {last:?}");
        ensure!(!alice.look(&held).await.proof_refused, "she was logged out");
        trial.mend(scene, fault, ("database", Order::Resume)).await?;
        let stored = eventually(PATIENCE, "the upload", async || {
            Ok(alice.upload(&held, &content, Some("once")).await.1)
        });
        stored.await?;
        let left = super::lost_answers::left(alice, held);
        trial.judge_by(scene, &[left], &super::lost_answers::FILES).await.map(drop)
    })
}
