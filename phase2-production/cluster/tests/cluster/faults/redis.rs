//! Redis crashes, hangs, comes and goes, and is slow: faults 10, 13, 14 and 16 of the
//! matrix.

use crate::stage::{Scene, Trial, Watch, logged_in, on_stage};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use backing_services::{Backing, redis};
use cluster::Design;
use cluster::orders::Order;
use fault_proxy::{FaultProxy, Toxic};
use ledger::crowd::{Left, Proofs};
use ledger::entry::{Ended, Entry};
use ledger::{Invariant, Promises};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a replica may take to answer a question for certain.
const PATIENCE: Duration = Duration::from_secs(20);

/// Logouts that may stay without an answer before one is acknowledged.
const TRIES: usize = 10;

/// What the breaker of a replica is said to be (`upload_server_cache_circuit_breaker_state`).
const CLOSED: f64 = 0.0;

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
                    // That nobody can say yet is not an answer.
                    let refused = eventually(PATIENCE, "a refusal", async || {
                        let came = alice.at(&door).list(held).await.0;
                        ensure!(came.ended != Ended::Ok, "{} lives", held.name);
                        Ok(came.proof_refused.then_some(()))
                    });
                    refused.await.context(design.as_str())?;
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
        trial.until_all_are_served().await;
        let fault = trial.strike(scene, "redis", Order::Pause).await?;
        all_breakers(scene, "have opened", |state| state != CLOSED).await?;
        let opened = trial.recorder.now_ms();
        trial.until_all_are_served().await;
        trial.until_all_are_served().await;
        let served_until = trial.recorder.now_ms();
        trial.mend(scene, fault, ("redis", Order::Resume)).await?;
        let left = trial.finish(crowd).await;
        let history = trial.judge(scene, &left).await?;
        let meanwhile = |one: &&Entry| {
            one.began_ms > opened && one.ended_ms < served_until && one.ended == Ended::Ok
        };
        let meanwhile = history.entries.iter().filter(meanwhile);
        let mut took: Vec<_> = meanwhile.map(|one| one.ended_ms - one.began_ms).collect();
        took.sort_unstable();
        ensure!(took.len() >= 16, "hardly anybody was served");
        let nine_of_ten = took[took.len() * 9 / 10];
        ensure!(nine_of_ten <= FAST_MS, "one of ten waited {nine_of_ten} ms or longer");
        Ok(())
    })
}

/// Milliseconds within which nine of ten are answered once nobody waits for Redis any more.
/// The matrix wants 1 s of 99 in a hundred, where nothing else runs; a request that waited
/// for the pause to end would take as long as that lasts.
const FAST_MS: u64 = 2_000;

/// Waits until the breaker of every replica is as wanted.
async fn all_breakers(
    scene: &Scene,
    what: &str,
    wanted: impl Fn(f64) -> bool,
) -> anyhow::Result<()> {
    eventually(PATIENCE, &format!("all breakers {what}"), async || {
        for id in scene.cluster.replica_ids() {
            if !wanted(
                scene.metric(&id, "upload_server_cache_circuit_breaker_state").await?,
            ) {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
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
        scene
            .keep_what_fails(async |scene| while_redis_is_slow(scene, &proxy).await)
            .await?;
        scene.cluster.down().await;
        Ok(())
    })
}

async fn while_redis_is_slow(scene: &Scene, proxy: &FaultProxy) -> anyhow::Result<()> {
    let trial = scene.trial("while_redis_is_slow", 14, 3);
    let crowd = trial.crowd(&scene.cluster.url());
    let leaver = scene.trial("while_redis_is_slow", 114, 1);
    let mut alice = leaver.person(0, &scene.cluster.url());
    let mut held = logged_in(&mut alice).await?;
    trial.until_all_are_served().await;
    let (delay, jitter) = (Duration::from_millis(500), Duration::from_millis(100));
    let slow = |trial: &Trial| trial.recorder.fault_ordered("redis", "latency");
    let faults = [(&trial, slow(&trial)), (&leaver, slow(&leaver))];
    proxy.add_both(Toxic::Latency { delay, jitter });
    faults.iter().for_each(|(of, fault)| of.recorder.fault_struck(*fault));
    ensure!(proxy.connections() > 0, "the replicas are not connected to it");
    // She is told that it is done while it is slow, and not after that.
    let mut tries = 0;
    while alice.end(&held).await.ended != Ended::Ok {
        tries += 1;
        ensure!(tries < TRIES, "nobody can log out while Redis is slow");
        // It may be ended all the same, and cannot be ended again.
        held = logged_in(&mut alice).await?;
    }
    for door in scene.doors().await? {
        let came = alice.at(&door).list(&held).await.0;
        ensure!(came.ended != Ended::Ok, "she is in, after her logout");
    }
    trial.until_all_are_served().await;
    faults.iter().for_each(|(of, fault)| of.recorder.mending_ordered(*fault));
    proxy.heal();
    faults.iter().for_each(|(of, fault)| of.recorder.fault_mended(*fault));
    let gone =
        Left { person: alice, proofs: Proofs { current: None, ended: vec![held] } };
    let left = trial.finish(crowd).await;
    leaver.judge_by(scene, &[gone], &[Invariant::Dead]).await?;
    trial.judge(scene, &left).await.map(drop)
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
        trial.until_all_are_served().await;
        let watch = Watch::of(&scene.cluster.status().await);
        for _ in 0..4 {
            let fault = trial.strike(scene, "redis", Order::Kill).await?;
            trial.until_all_are_served().await;
            trial.mend(scene, fault, ("redis", Order::Restart)).await?;
        }
        is_used_again(scene).await?;
        if let Some(most) = watch.most() {
            ensure!(
                (1..=CONNECTIONS).contains(&most),
                "{most} connections to the records"
            );
        }
        let left = trial.finish(crowd).await;
        trial.judge(scene, &left).await.map(drop)
    })
}

/// Connections to the database that three replicas may have: eight each for requests, and
/// one to hear what the others have ended (`records::PoolLimits`).
const CONNECTIONS: usize = 3 * (8 + 1);

/// Every replica's breaker is closed, and sessions are found in Redis once more.
async fn is_used_again(scene: &Scene) -> anyhow::Result<()> {
    let within = Duration::from_millis(Promises::healthy_within_ms("redis"));
    for id in scene.cluster.replica_ids() {
        let name = "upload_server_session_cache_hits_total";
        let before = scene.metric(&id, name).await?;
        let what = format!("{id} finds sessions in Redis again");
        eventually(within, &what, async || {
            let more = scene.metric(&id, name).await? > before;
            let closed =
                scene.metric(&id, "upload_server_cache_circuit_breaker_state").await?
                    == CLOSED;
            Ok((more && closed).then_some(()))
        })
        .await?;
    }
    Ok(())
}
