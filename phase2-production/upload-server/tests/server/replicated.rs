//! The replicated design over three processes: every replica holds the sessions of all
//! others, keeps them when one is killed, and reports the memory that this costs.

use crate::cluster::TestCluster;
use crate::stores::{StoreKind, TestStores};
use api_conformance::eventually::eventually;
use api_conformance::fixture::Started;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::problem::ProblemKind;
use client::expect::equal;
use client::{Credential, Upload};
use futures_util::future::try_join_all;

async fn start() -> anyhow::Result<(TestStores, TestCluster)> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let cluster =
        TestCluster::start(&stores, "replicated", &["--sweep-ms", "200"]).await?;
    Ok((stores, cluster))
}

async fn sign_in(replica: &Started) -> anyhow::Result<Credential> {
    replica.sign_in(&replica.alice).await
}

/// Login on one replica, request on another immediately afterwards: all replicas have
/// acknowledged a write when it returns.
#[tokio::test]
async fn acknowledged_login_is_visible_on_every_replica() -> anyhow::Result<()> {
    let (_stores, cluster) = start().await?;
    for number in 0..12 {
        let alice = sign_in(&cluster.replicas[number % 3]).await?;
        for replica in &cluster.replicas {
            replica.accepts(&alice).await?;
        }
        cluster.replicas[(number + 1) % 3].client().end_session(&alice).await.done()?;
        for replica in &cluster.replicas {
            replica.refuses(&alice, ProblemKind::SessionUnknown).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn concurrent_uploads_on_three_replicas_are_all_listed() -> anyhow::Result<()> {
    let (_stores, cluster) = start().await?;
    let alice = sign_in(&cluster.replicas[0]).await?;
    let uploads = (0..50).map(|number| {
        let (client, alice) = (cluster.replicas[number % 3].client(), alice.clone());
        let file = Upload::new(format!("{number:02}.txt"), format!("{number}"));
        async move {
            eventually(PROCESS_TIMEOUT, "an acknowledged upload", async || {
                // Retries on 503.
                Ok(client.upload_with_key(&alice, &file, &file.name).await.done().ok())
            })
            .await
        }
    });
    try_join_all(uploads).await?;
    let expected: Vec<_> = (0..50).map(|number| format!("{number:02}.txt")).collect();
    for replica in &cluster.replicas {
        eventually(PROCESS_TIMEOUT, "fifty names", async || {
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
async fn session_survives_the_loss_of_its_first_replica() -> anyhow::Result<()> {
    let (_stores, mut cluster) = start().await?;
    let alice = sign_in(&cluster.replicas[0]).await?;
    let other = sign_in(&cluster.replicas[0]).await?;
    cluster.replicas[0].server.kill_9()?;
    for replica in &cluster.replicas[1..] {
        replica.accepts(&alice).await?;
    }
    cluster.replicas[1].client().end_session(&alice).await.done()?;
    cluster.replicas[2].refuses(&alice, ProblemKind::SessionUnknown).await?;
    cluster.replicas[2].accepts(&other).await
}

/// `--max-sessions` counts live sessions; a replica remembers ended ones for an hour.
#[tokio::test]
async fn logout_frees_its_slot_on_every_replica() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let flags = ["--max-sessions", "2"];
    let cluster = TestCluster::start(&stores, "replicated", &flags).await?;
    for number in 0..9 {
        let alice = sign_in(&cluster.replicas[number % 3]).await?;
        // The replica of the next login has this logout, even if gossip is slow.
        let next = &cluster.replicas[(number + 1) % 3];
        eventually(PROCESS_TIMEOUT, "a logout", async || {
            Ok(next.client().end_session(&alice).await.done().ok())
        })
        .await?;
    }
    Ok(())
}

/// The cost of this design: every replica keeps all sessions in memory.
#[tokio::test]
async fn each_replica_stores_and_reports_all_sessions() -> anyhow::Result<()> {
    let (_stores, cluster) = start().await?;
    for number in 0..9 {
        sign_in(&cluster.replicas[number % 3]).await?;
    }
    for replica in &cluster.replicas {
        eventually(PROCESS_TIMEOUT, "nine sessions on each replica", async || {
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
        equal("state larger than the session ids", bytes > 9.0 * 64.0, true)?;
    }
    Ok(())
}
