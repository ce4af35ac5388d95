//! Replicas whose clocks differ: whoever is far off is not ready, and whoever is a little off
//! is wrong by that much and no more.

use crate::on::{Stores, World};
use api_conformance::eventually::eventually;
use api_conformance::fixture::Started;
use api_conformance::process::PATIENCE;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use bytes::Bytes;
use http::{Method, StatusCode};
use std::time::Duration;
use upload_domain::incoming::now_ms;

async fn readiness(of: &Started) -> anyhow::Result<(StatusCode, String)> {
    let client = of.client();
    let reply = client.send(client.request(Method::GET, paths::READYZ)).await?;
    Ok((reply.status, text(&reply.body)))
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}

async fn becomes_ready(replica: &Started) -> anyhow::Result<()> {
    let ready = async || {
        let (status, _said) = readiness(replica).await?;
        Ok((status == StatusCode::OK).then_some(()))
    };
    eventually(PATIENCE, "a replica that is ready", ready).await
}

/// Milliseconds by which the clock of a replica that is ready may be wrong: a little less
/// than the limit, because the time of the question counts against it.
const AHEAD_MS: u64 = 900;
const AHEAD: &str = "900";
const BEHIND: &str = "-900";

async fn off_by(world: &World, design: &str, ms: &str) -> anyhow::Result<Started> {
    world.replica(design, &["--clock-offset-ms", ms]).await
}

#[tokio::test]
async fn a_replica_whose_clock_is_wrong_is_not_ready_and_the_others_are()
-> anyhow::Result<()> {
    for stores in [Stores::Embedded, Stores::Real] {
        let world = World::new(stores, true).await?;
        let right = world.replica("central", &[]).await?;
        for wrong in ["3000", "-3000", "300000", "-300000"] {
            let wrong = off_by(&world, "central", wrong).await?;
            // At its first answer, and as long as it is wrong.
            for _ in 0..3 {
                let (status, said) = readiness(&wrong).await?;
                assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{said}");
                assert!(said.contains("clock: differs from the records'"), "{said}");
            }
        }
        becomes_ready(&right).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_one_ready_replica_signs_is_good_at_once_at_any_other() -> anyhow::Result<()>
{
    let world = World::new(Stores::Real, true).await?;
    let right = world.replica("token", &[]).await?;
    let ahead = off_by(&world, "token", AHEAD).await?;
    let behind = off_by(&world, "token", BEHIND).await?;
    let replicas = [right, ahead, behind];
    for replica in &replicas {
        becomes_ready(replica).await?;
    }
    // A second is long, and a token says no fractions: at some moment of it each is asked.
    for _ in 0..10 {
        for signs in &replicas {
            let proof = signs.sign_in(&signs.alice).await?;
            for replica in &replicas {
                replica.accepts(&proof).await?;
            }
        }
    }
    Ok(())
}

/// By the clock of the replica where she logged in, her session ends later than by that of
/// the one that ends it: both are ready, and they differ by as much as they may.
#[tokio::test]
async fn a_session_ends_late_by_what_the_clocks_differ_and_no_more() -> anyhow::Result<()>
{
    const LIFE_MS: u64 = 3_000;
    let world = World::new(Stores::Real, true).await?;
    let life = ["--absolute-timeout-ms", "3000"];
    let slow = ["--clock-offset-ms", BEHIND, life[0], life[1]];
    let slow = world.replica("central", &slow).await?;
    let fast = ["--clock-offset-ms", AHEAD, life[0], life[1]];
    let fast = world.replica("central", &fast).await?;
    becomes_ready(&slow).await?;
    becomes_ready(&fast).await?;
    let before = now_ms();
    let alice = fast.sign_in(&fast.alice).await?;
    let born = before + 2 * AHEAD_MS..=now_ms() + 2 * AHEAD_MS;
    let mut last_accepted = before;
    let patience = Duration::from_millis(LIFE_MS + 2 * AHEAD_MS) + PATIENCE;
    eventually(patience, "the end of her session", async || {
        let asked = now_ms();
        if slow.accepts(&alice).await.is_ok() {
            last_accepted = asked;
            return Ok(None);
        }
        slow.refuses(&alice, ProblemKind::SessionExpired).await.map(Some)
    })
    .await?;
    assert!(now_ms() >= born.start() + LIFE_MS, "ended before its time");
    assert!(last_accepted <= born.end() + LIFE_MS, "lived on after its time");
    Ok(())
}
