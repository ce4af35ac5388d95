//! The quota, when everybody comes at once.

use crate::on::Stores;
use crate::security::people::Town;
use crate::steps::blobs;
use anyhow::ensure;
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::form::Upload;
use api_conformance::outcome::Outcome;
use api_conformance::process::PATIENCE;
use api_contract::files::ListQuery;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::uploads::{PendingUploads, UploadStart, UploadStarted};
use futures_util::future::join_all;
use http::{Method, StatusCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const QUOTA: usize = 1_000_000;
const FLAGS: [&str; 2] = ["--quota", "1000000"];

/// Asks again, as `Retry-After` says, while twenty at once are more than a busy machine
/// answers in time: a 503 is no answer about the quota. Counts those in `unsure`.
async fn definite<T>(
    unsure: &AtomicUsize,
    mut ask: impl AsyncFnMut() -> Outcome<T>,
) -> Outcome<T> {
    loop {
        match ask().await {
            Outcome::Refused(reply)
                if reply.status == StatusCode::SERVICE_UNAVAILABLE =>
            {
                let before = unsure.fetch_add(1, Ordering::SeqCst);
                assert!(before < 200, "it is busy for ever");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            outcome => return outcome,
        }
    }
}

/// What came through, the others having been refused for the quota and nothing else.
fn winners<T>(outcomes: Vec<Outcome<T>>) -> anyhow::Result<Vec<T>> {
    let mut winners = Vec::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Done(reply) => winners.push(reply.body),
            refused => drop(refused.refused_as(ProblemKind::QuotaExceeded)?),
        }
    }
    Ok(winners)
}

/// Item 31. Twenty uploads at once, on three replicas: as many come through as there is
/// room for, not one more, and the losers leave no bytes. On Postgres and on SQLite, just
/// under the quota and a third of it.
#[tokio::test]
async fn uploads_at_once_never_exceed_the_quota() -> anyhow::Result<()> {
    for (stores, size, room) in [
        (Stores::Real, QUOTA - 1, 1),
        (Stores::Real, QUOTA / 3, 3),
        (Stores::Embedded, QUOTA / 3, 3),
    ] {
        let town = Town::new(stores, "central", &FLAGS).await?;
        let alice = town.sign_in(&town.alice).await?;
        let clients: Vec<_> =
            (0..20).map(|number| town.replica(number).client()).collect();
        let file = Upload::of_size("a.bin", size);
        let unsure = AtomicUsize::new(0);
        let uploads = clients.iter().enumerate().map(async |(number, client)| {
            let key = format!("key-{number}");
            definite(&unsure, async || client.upload_with_key(&alice, &file, &key).await)
                .await
        });
        let stored = winners(join_all(uploads).await)?;
        equal("files that came through", stored.len(), room)?;
        let client = town.client();
        let listed = client.list(&alice, &ListQuery::default()).await.done()?.body.files;
        let sum: u64 = listed.iter().map(|file| file.size).sum();
        ensure!(sum <= QUOTA as u64, "the files have {sum} bytes");
        equal("files in the listing", listed.len(), room)?;
        // Where a replica did not hear whether its commit happened, a row may name the
        // bytes, and the janitor finds out; whoever was refused for the quota leaves none.
        let most = room + unsure.into_inner();
        eventually(PATIENCE, "no bytes of the losers", async || {
            Ok((room..=most).contains(&blobs(&town.world.fixture).len()).then_some(()))
        })
        .await?;
        let bob = town.sign_in(&town.bob).await?;
        client.upload(&bob, &file).await.done()?;
        client.delete(&alice, &stored[0].file_id).await.done()?;
        client.upload(&alice, &file).await.done()?;
        client.upload(&alice, &file).await.refused_as(ProblemKind::QuotaExceeded)?;
    }
    Ok(())
}

/// Item 31. What is only announced counts already, however it is to come, so that nobody
/// reserves more than they may fill.
#[tokio::test]
async fn announcements_at_once_never_exceed_the_quota() -> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "token", &FLAGS).await?;
    let alice = town.sign_in(&town.alice).await?;
    let asked = UploadStart {
        name: "later.bin".to_owned(),
        content_type: "text/plain".to_owned(),
        size: (QUOTA / 3) as u64,
    };
    let unsure = AtomicUsize::new(0);
    let starts = (0..20).map(async |number| {
        let client = town.replica(number).client();
        let start = || client.proven(&alice, Method::POST, paths::UPLOADS_START);
        definite(&unsure, async || {
            client.json::<UploadStarted>(start().json(&asked)).await
        })
        .await
    });
    let started = winners(join_all(starts).await)?;
    equal("uploads that were begun", started.len(), 3)?;
    let client = town.client();
    let pending: Outcome<PendingUploads> =
        client.json(client.proven(&alice, Method::GET, paths::UPLOADS)).await;
    equal("uploads under way", pending.done()?.body.uploads.len(), 3)?;
    let file = Upload::of_size("now.bin", QUOTA / 3);
    client.upload(&alice, &file).await.refused_as(ProblemKind::QuotaExceeded)?;
    let path = format!("{}/{}", paths::UPLOADS, started[0].upload_id);
    let given_up = client.send(client.proven(&alice, Method::DELETE, &path)).await?;
    equal("giving one up", given_up.status.as_u16(), 200)?;
    client.upload(&alice, &file).await.done()?;
    Ok(())
}

/// Item 31. Files without a byte are counted, too, over all replicas: each is a row, and a
/// name on a disk.
#[tokio::test]
async fn files_without_a_byte_have_a_limit_as_well() -> anyhow::Result<()> {
    for stores in [Stores::Embedded, Stores::Real] {
        let town = Town::new(stores, "token", &["--max-files", "5"]).await?;
        let alice = town.sign_in(&town.alice).await?;
        let empty = Upload::of_size("empty.bin", 0);
        let unsure = AtomicUsize::new(0);
        let uploads = (0..12).map(async |number| {
            let (client, key) = (town.replica(number).client(), format!("key-{number}"));
            definite(&unsure, async || client.upload_with_key(&alice, &empty, &key).await)
                .await
        });
        let stored = winners(join_all(uploads).await)?;
        equal("files that came through", stored.len(), 5)?;
        let client = town.client();
        let bob = town.sign_in(&town.bob).await?;
        client.upload(&bob, &empty).await.done()?;
        client.delete(&alice, &stored[0].file_id).await.done()?;
        client.upload(&alice, &empty).await.done()?;
        client.upload(&alice, &empty).await.refused_as(ProblemKind::QuotaExceeded)?;
    }
    Ok(())
}
