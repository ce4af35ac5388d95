//! Redis crashes, hangs, comes and goes, and is slow: faults 10, 13, 14 and 16 of the
//! matrix.

use crate::stage::{Scene, logged_in, on_stage};
use anyhow::{Context, ensure};
use backing_services::{Backing, redis};
use cluster::Design;
use cluster::orders::Order;
use fault_proxy::{FaultProxy, Toxic};
use ledger::entry::{Act, Ended};
use std::net::SocketAddr;
use std::time::Duration;

/// Fault 10: with `everysec`, what Redis heard in its last second may be gone.
#[test]
fn a_logout_in_the_last_second_before_redis_dies_is_one() -> anyhow::Result<()> {
    for design in [Design::Central, Design::Token] {
        on_stage(design, async |scene| {
            if !scene.has("redis").await {
                return Ok(());
            }
            let trial = scene.trial("a_logout_in_the_last_second", 10, 1);
            let mut alice = trial.person(0, &scene.cluster.url());
            let mut ended = Vec::new();
            for _ in 0..20 {
                let held = logged_in(&mut alice).await?;
                if alice.end(&held).await.ended == Ended::Ok {
                    ended.push(held);
                }
            }
            let fault = trial.strike(scene, "redis", Order::Kill).await?;
            trial.mend(scene, fault, ("redis", Order::Restart)).await?;
            ensure!(ended.len() == 20, "logouts were refused");
            for door in scene.doors().await? {
                for held in &ended {
                    let came = alice.at(&door).list(held).await.0;
                    ensure!(came.ended != Ended::Ok, "{design:?}: {} lives", held.name);
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Fault 13: the connection is there and nobody answers.
#[test]
fn while_redis_hangs_the_crowd_is_served_from_the_records() -> anyhow::Result<()> {
    on_stage(Design::Central, async |scene| {
        if !scene.has("redis").await {
            return Ok(());
        }
        let trial = scene.trial("while_redis_hangs", 13, 4);
        let crowd = trial.crowd(&scene.cluster.url());
        trial.until_all_are_served().await?;
        let fault = trial.strike(scene, "redis", Order::Pause).await?;
        trial.until_all_are_served().await?;
        trial.until_all_are_served().await?;
        let served_until = trial.recorder.now_ms();
        trial.mend(scene, fault, ("redis", Order::Resume)).await?;
        trial.until_all_are_served().await?;
        let left = crowd.stop().await;
        let history = trial.judge(scene, &left).await?;
        let from = history.faults[0].struck_ms.unwrap_or_default();
        let meanwhile = history.entries.iter().filter(|one| {
            one.began_ms > from && one.ended_ms < served_until && one.ended == Ended::Ok
        });
        ensure!(meanwhile.count() >= 16, "hardly anybody was served");
        Ok(())
    })
}

/// Fault 14: slower than the client of Redis waits for. What was timed out may have
/// happened all the same.
#[test]
fn while_redis_is_slow_a_logout_that_is_acknowledged_is_one() -> anyhow::Result<()> {
    crate::stage::alone(async {
        let folder = tempfile::tempdir()?;
        let service = redis(Backing::Auto, folder.path()).await?;
        let (before, place) = service.url.rsplit_once('@').context("a Redis URL")?;
        let target: SocketAddr = place.trim_end_matches('/').parse()?;
        let proxy = FaultProxy::start(target, 14).await?;
        let url = format!("{before}@{}", proxy.address());
        let scene = Scene::start_with(Design::Central, &["--redis-url", &url]).await?;
        let trial = scene.trial("while_redis_is_slow", 14, 3);
        let crowd = trial.crowd(&scene.cluster.url());
        trial.until_all_are_served().await?;
        let (delay, jitter) = (Duration::from_millis(500), Duration::from_millis(100));
        let fault = trial.recorder.fault_ordered("redis", "latency");
        proxy.add_both(Toxic::Latency { delay, jitter });
        trial.recorder.fault_struck(fault);
        ensure!(proxy.connections() > 0, "the replicas are not connected to it");
        trial.until_all_are_served().await?;
        trial.recorder.mending_ordered(fault);
        proxy.heal();
        trial.recorder.fault_mended(fault);
        trial.until_all_are_served().await?;
        let left = crowd.stop().await;
        trial.judge(&scene, &left).await?;
        scene.cluster.down().await;
        Ok(())
    })
}

/// Fault 16: comes and goes, and each time everybody turns to the records.
#[test]
fn a_redis_that_comes_and_goes_costs_no_login_and_is_used_again() -> anyhow::Result<()> {
    on_stage(Design::Central, async |scene| {
        if !scene.has("redis").await {
            return Ok(());
        }
        let trial = scene.trial("a_redis_that_comes_and_goes", 16, 4);
        let crowd = trial.crowd(&scene.cluster.url());
        trial.until_all_are_served().await?;
        for _ in 0..4 {
            let fault = trial.strike(scene, "redis", Order::Kill).await?;
            trial.until_all_are_served().await?;
            trial.mend(scene, fault, ("redis", Order::Restart)).await?;
        }
        trial.until_all_are_served().await?;
        let left = crowd.stop().await;
        let history = trial.judge(scene, &left).await?;
        let reads =
            history.entries.iter().filter(|one| matches!(one.act, Act::List { .. }));
        ensure!(reads.count() > 0, "nobody read anything");
        Ok(())
    })
}
