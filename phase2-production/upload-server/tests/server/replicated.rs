//! The replicated design over three processes: what one of them did the others know, also
//! when it is killed, and each of them says how much that costs it.

use crate::farm::Farm;
use crate::on::{Stores, World};
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::fixture::Started;
use api_conformance::form::Upload;
use api_conformance::process::PATIENCE;
use api_conformance::proof::Proof;
use api_contract::problem::ProblemKind;
use futures_util::future::try_join_all;

async fn farm() -> anyhow::Result<(World, Farm)> {
    let world = World::new(Stores::Embedded, false).await?;
    let farm = Farm::start(&world, "replicated", &["--sweep-ms", "200"]).await?;
    Ok((world, farm))
}

async fn sign_in(at: &Started) -> anyhow::Result<Proof> {
    at.sign_in(&at.alice).await
}

/// Logged in here, asked there at once: a write has been heard by all when it returns.
#[tokio::test]
async fn a_login_is_known_to_every_replica_when_it_is_answered() -> anyhow::Result<()> {
    let (_world, farm) = farm().await?;
    for number in 0..12 {
        let alice = sign_in(&farm.replicas[number % 3]).await?;
        for replica in &farm.replicas {
            replica.accepts(&alice).await?;
        }
        farm.replicas[(number + 1) % 3].client().end_session(&alice).await.done()?;
        for replica in &farm.replicas {
            replica.refuses(&alice, ProblemKind::SessionUnknown).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn fifty_uploads_at_once_over_three_replicas_are_all_remembered()
-> anyhow::Result<()> {
    let (_world, farm) = farm().await?;
    let alice = sign_in(&farm.replicas[0]).await?;
    let uploads = (0..50).map(|number| {
        let (client, alice) = (farm.replicas[number % 3].client(), alice.clone());
        let file = Upload::new(format!("{number:02}.txt"), format!("{number}"));
        async move {
            eventually(PATIENCE, "an acknowledged upload", async || {
                // A busy server may say "come back".
                Ok(client.upload_with_key(&alice, &file, &file.name).await.done().ok())
            })
            .await
        }
    });
    try_join_all(uploads).await?;
    let expected: Vec<_> = (0..50).map(|number| format!("{number:02}.txt")).collect();
    for replica in &farm.replicas {
        eventually(PATIENCE, "fifty names", async || {
            let view = replica.client().session_view(&alice).await.done()?.body;
            let mut names = view.files_uploaded;
            names.sort();
            Ok((names == expected).then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_session_survives_the_replica_that_it_was_born_on() -> anyhow::Result<()> {
    let (_world, mut farm) = farm().await?;
    let alice = sign_in(&farm.replicas[0]).await?;
    let other = sign_in(&farm.replicas[0]).await?;
    farm.replicas[0].server.kill_9()?;
    for replica in &farm.replicas[1..] {
        replica.accepts(&alice).await?;
    }
    farm.replicas[1].client().end_session(&alice).await.done()?;
    farm.replicas[2].refuses(&alice, ProblemKind::SessionUnknown).await?;
    farm.replicas[2].accepts(&other).await
}

/// What this design costs: memory for the sessions of all on each.
#[tokio::test]
async fn each_replica_holds_the_sessions_of_all_and_reports_them() -> anyhow::Result<()> {
    let (_world, farm) = farm().await?;
    for number in 0..9 {
        sign_in(&farm.replicas[number % 3]).await?;
    }
    for replica in &farm.replicas {
        eventually(PATIENCE, "nine sessions on each", async || {
            let living =
                replica.server.metric("upload_server_gossip_sessions_live").await?;
            Ok((living == Some(9.0)).then_some(()))
        })
        .await?;
        let bytes = replica
            .server
            .metric("upload_server_gossip_state_bytes")
            .await?
            .unwrap_or_default();
        equal("more than the names alone", bytes > 9.0 * 64.0, true)?;
    }
    Ok(())
}
