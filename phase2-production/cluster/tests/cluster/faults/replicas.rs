//! Replicas that crash, stop and hang under a crowd: faults 1, 2 and 3 of the matrix.

use crate::stage::{Scene, logged_in, on_stage};
use anyhow::ensure;
use api_conformance::eventually::eventually;
use cluster::Design;
use cluster::orders::Order;
use ledger::entry::{Act, Ended};
use std::time::Duration;

/// How long the others may take to tell a replica that is back what it has missed.
const TOLD: Duration = Duration::from_secs(20);

/// Fault 1: killed in the middle of uploads, whole ones and pieces.
#[test]
fn uploads_that_a_kill_interrupts_are_there_whole_or_not_at_all() -> anyhow::Result<()> {
    on_stage(Design::Token, async |scene| {
        let trial = scene.trial("uploads_that_a_kill_interrupts", 1, 4);
        let crowd = trial.crowd(&scene.cluster.url());
        trial.until_all_are_served().await?;
        for id in ["r2", "r3"] {
            let fault = trial.strike(scene, id, Order::Kill).await?;
            trial.until_all_are_served().await?;
            trial.mend(scene, fault, (id, Order::Restart)).await?;
        }
        trial.until_all_are_served().await?;
        let left = crowd.stop().await;
        trial.judge(scene, &left).await.map(drop)
    })
}

/// Fault 2: stopped in order, one after the other.
#[test]
fn a_rolling_restart_refuses_nobody_and_breaks_nothing_off() -> anyhow::Result<()> {
    on_stage(Design::Central, async |scene| {
        let trial = scene.trial("a_rolling_restart_refuses_nobody", 2, 3);
        let crowd = trial.crowd(&scene.cluster.url());
        trial.until_all_are_served().await?;
        for id in scene.cluster.replica_ids() {
            let fault = trial.strike(scene, &id, Order::Stop).await?;
            trial.mend(scene, fault, (&id, Order::Restart)).await?;
        }
        trial.until_all_are_served().await?;
        let left = crowd.stop().await;
        let history = trial.judge(scene, &left).await?;
        let unsure = history.entries.iter().find(|one| one.ended == Ended::Unknown);
        ensure!(unsure.is_none(), "a request was broken off: {unsure:?}");
        Ok(())
    })
}

/// Fault 3: a replica hangs while a session that it has served is ended elsewhere.
#[test]
fn a_replica_that_wakes_up_serves_no_session_that_was_ended_meanwhile()
-> anyhow::Result<()> {
    for design in [Design::Replicated, Design::Central, Design::Token] {
        on_stage(design, woken).map_err(|error| error.context(design.as_str()))?;
    }
    Ok(())
}

async fn woken(scene: &Scene) -> anyhow::Result<()> {
    let trial = scene.trial("a_replica_that_wakes_up", 3, 1);
    let doors = scene.doors().await?;
    let mut alice = trial.person(0, &doors[2]);
    let held = logged_in(&mut alice).await?;
    let at_sleeper = alice.at(&doors[2]);
    ensure!(at_sleeper.list(&held).await.0.ended == Ended::Ok, "it knows her");
    let fault = trial.strike(scene, "r3", Order::Pause).await?;
    let ended = alice.at(&doors[0]).end(&held).await;
    ensure!(ended.ended == Ended::Ok, "she logs out at another: {ended:?}");
    trial.mend(scene, fault, ("r3", Order::Resume)).await?;
    if scene.design == Design::Replicated {
        // Nobody but the others can tell it, and they do when it is back.
        eventually(TOLD, "it has heard of the end", async || {
            at_sleeper.list(&held).await;
            let refused = trial.recorder.history().entries.pop();
            anyhow::Ok(refused.filter(|one| one.proof_refused()))
        })
        .await?;
    }
    for _ in 0..20 {
        let (came, _) = at_sleeper.list(&held).await;
        ensure!(came.ended != Ended::Ok, "the woken replica let her in");
    }
    let history = trial.recorder.history();
    let tries = history.entries.iter().filter(|one| one.proof_refused());
    ensure!(tries.count() > 0, "it never answered: {:?}", history.entries.last());
    ensure!(matches!(history.entries[2].act, Act::End { .. }));
    Ok(())
}
