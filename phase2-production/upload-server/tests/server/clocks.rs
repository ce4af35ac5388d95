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

async fn off_by(world: &World, design: &str, ms: &str) -> anyhow::Result<Started> {
    world.replica(design, &["--clock-offset-ms", ms]).await
}

#[tokio::test]
async fn a_replica_whose_clock_is_wrong_is_not_ready_and_the_others_are()
-> anyhow::Result<()> {
    for stores in [Stores::Embedded, Stores::Real] {
        let world = World::new(stores, true).await?;
        let right = world.replica("central", &[]).await?;
        for five_minutes in ["300000", "-300000"] {
            let wrong = off_by(&world, "central", five_minutes).await?;
            // Not before the clocks could be compared, which on a busy machine takes a while.
            let said = eventually(PATIENCE, "a replica that is not ready", async || {
                let (status, said) = readiness(&wrong).await?;
                Ok((status == StatusCode::SERVICE_UNAVAILABLE).then_some(said))
            });
            let said = said.await?;
            assert!(said.contains("clock: differs from the records'"), "{said}");
        }
        let (status, said) = readiness(&right).await?;
        assert_eq!(status, StatusCode::OK, "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_from_a_clock_within_the_leeway_is_good_at_once_and_everywhere()
-> anyhow::Result<()> {
    let world = World::new(Stores::Real, true).await?;
    let right = world.replica("token", &[]).await?;
    for within_the_leeway in ["1500", "-1500"] {
        let wrong = off_by(&world, "token", within_the_leeway).await?;
        assert_eq!(readiness(&wrong).await?.0, StatusCode::OK);
        right.accepts(&wrong.sign_in(&wrong.alice).await?).await?;
        wrong.accepts(&right.sign_in(&right.alice).await?).await?;
    }
    Ok(())
}

/// By the clock of the replica where she logged in, her session ends three seconds later than
/// by that of the one that ends it.
#[tokio::test]
async fn a_session_ends_late_by_what_the_clocks_differ_and_no_more() -> anyhow::Result<()>
{
    const LIFE_MS: u64 = 3_000;
    const OFF_MS: u64 = 3_000;
    let world = World::new(Stores::Real, true).await?;
    let life = ["--absolute-timeout-ms", "3000"];
    let right = world.replica("central", &life).await?;
    let fast = ["--clock-offset-ms", "3000", life[0], life[1]];
    let fast = world.replica("central", &fast).await?;
    let before = now_ms();
    let alice = fast.sign_in(&fast.alice).await?;
    let born = before + OFF_MS..=now_ms() + OFF_MS;
    let mut last_accepted = before;
    let patience = Duration::from_millis(LIFE_MS + OFF_MS) + PATIENCE;
    eventually(patience, "the end of her session", async || {
        let asked = now_ms();
        if right.accepts(&alice).await.is_ok() {
            last_accepted = asked;
            return Ok(None);
        }
        right.refuses(&alice, ProblemKind::SessionExpired).await.map(Some)
    })
    .await?;
    assert!(now_ms() >= born.start() + LIFE_MS, "ended before its time");
    assert!(last_accepted <= born.end() + LIFE_MS, "lived on after its time");
    Ok(())
}
