//! The quota under concurrent uploads.

use crate::account_client::blobs;
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::ensure;
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::files::ListQuery;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::uploads::UploadStart;
use client::expect::equal;
use client::{CallResult, Upload};
use futures_util::future::join_all;
use http::{Method, StatusCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const QUOTA: usize = 1_000_000;
const FLAGS: [&str; 2] = ["--quota", "1000000"];

/// Retries while the server answers 503, which twenty concurrent requests can cause on a
/// busy machine and which does not concern the quota. Counts these answers in
/// `unavailable`.
async fn retry_unavailable<T>(
    unavailable: &AtomicUsize,
    mut send: impl AsyncFnMut() -> CallResult<T>,
) -> CallResult<T> {
    loop {
        match send().await {
            CallResult::Refused(reply)
                if reply.status == StatusCode::SERVICE_UNAVAILABLE =>
            {
                let before = unavailable.fetch_add(1, Ordering::SeqCst);
                assert!(before < 200, "the server stays busy");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            outcome => return outcome,
        }
    }
}

/// The successful results. Every other result must be a refusal because of the quota.
fn accepted<T>(outcomes: Vec<CallResult<T>>) -> anyhow::Result<Vec<T>> {
    let mut accepted = Vec::new();
    for outcome in outcomes {
        match outcome {
            CallResult::Done(reply) => accepted.push(reply.body),
            refused => drop(refused.refused_as(ProblemKind::QuotaExceeded)?),
        }
    }
    Ok(accepted)
}

/// Item 31. Of twenty concurrent uploads on three replicas exactly as many succeed as the
/// quota allows, and the refused ones leave no bytes. On Postgres and on SQLite, with
/// files of just under the quota and of a third of it.
#[tokio::test]
async fn concurrent_uploads_never_exceed_the_quota() -> anyhow::Result<()> {
    for (kind, size, allowed) in [
        (StoreKind::Real, QUOTA - 1, 1),
        (StoreKind::Real, QUOTA / 3, 3),
        (StoreKind::Embedded, QUOTA / 3, 3),
    ] {
        let app = TestApp::new(kind, "central", &FLAGS).await?;
        let alice = app.sign_in(&app.alice).await?;
        let clients: Vec<_> =
            (0..20).map(|number| app.replica(number).client()).collect();
        let file = Upload::of_size("a.bin", size);
        let unavailable = AtomicUsize::new(0);
        let uploads = clients.iter().enumerate().map(async |(number, client)| {
            let key = format!("key-{number}");
            retry_unavailable(&unavailable, async || {
                client.upload_with_key(&alice, &file, &key).await
            })
            .await
        });
        let stored = accepted(join_all(uploads).await)?;
        equal("stored files", stored.len(), allowed)?;
        let client = app.client();
        let listed = client.list(&alice, &ListQuery::default()).await.done()?.body.files;
        let sum: u64 = listed.iter().map(|file| file.size).sum();
        ensure!(sum <= QUOTA as u64, "the files have {sum} bytes");
        equal("files in the listing", listed.len(), allowed)?;
        // If a replica does not learn the outcome of its commit, a row may still refer to
        // the bytes; the janitor decides later. A refusal because of the quota leaves no
        // bytes.
        let max_blobs = allowed + unavailable.into_inner();
        eventually(PROCESS_TIMEOUT, "no bytes of refused uploads", async || {
            Ok((allowed..=max_blobs)
                .contains(&blobs(&app.stores.fixture).len())
                .then_some(()))
        })
        .await?;
        let bob = app.sign_in(&app.bob).await?;
        client.upload(&bob, &file).await.done()?;
        client.delete(&alice, &stored[0].file_id).await.done()?;
        client.upload(&alice, &file).await.done()?;
        client.upload(&alice, &file).await.refused_as(ProblemKind::QuotaExceeded)?;
    }
    Ok(())
}

/// Item 31. Announced uploads count towards the quota, with every upload method, so that
/// an account cannot reserve more than its quota.
#[tokio::test]
async fn concurrent_announcements_never_exceed_the_quota() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "token", &FLAGS).await?;
    let alice = app.sign_in(&app.alice).await?;
    let body = UploadStart {
        name: "later.bin".to_owned(),
        content_type: "text/plain".to_owned(),
        size: (QUOTA / 3) as u64,
    };
    let unavailable = AtomicUsize::new(0);
    let starts = (0..20).map(async |number| {
        let client = app.replica(number).client();
        let start = async || client.start_upload(&alice, &body).await;
        retry_unavailable(&unavailable, start).await
    });
    let started = accepted(join_all(starts).await)?;
    equal("started uploads", started.len(), 3)?;
    let client = app.client();
    let pending = client.pending_uploads(&alice).await.done()?;
    equal("pending uploads", pending.body.uploads.len(), 3)?;
    let file = Upload::of_size("now.bin", QUOTA / 3);
    client.upload(&alice, &file).await.refused_as(ProblemKind::QuotaExceeded)?;
    let path = format!("{}/{}", paths::UPLOADS, started[0].upload_id);
    let cancelled =
        client.send(client.authenticated(&alice, Method::DELETE, &path)).await?;
    equal("cancelling one", cancelled.status.as_u16(), 200)?;
    client.upload(&alice, &file).await.done()?;
    Ok(())
}

/// Item 31. Empty files are limited as well, over all replicas, because each needs a row
/// and a directory entry.
#[tokio::test]
async fn number_of_empty_files_is_limited() -> anyhow::Result<()> {
    for kind in [StoreKind::Embedded, StoreKind::Real] {
        let app = TestApp::new(kind, "token", &["--max-files", "5"]).await?;
        let alice = app.sign_in(&app.alice).await?;
        let empty = Upload::of_size("empty.bin", 0);
        let unavailable = AtomicUsize::new(0);
        let uploads = (0..12).map(async |number| {
            let (client, key) = (app.replica(number).client(), format!("key-{number}"));
            retry_unavailable(&unavailable, async || {
                client.upload_with_key(&alice, &empty, &key).await
            })
            .await
        });
        let stored = accepted(join_all(uploads).await)?;
        equal("stored files", stored.len(), 5)?;
        let client = app.client();
        let bob = app.sign_in(&app.bob).await?;
        client.upload(&bob, &empty).await.done()?;
        client.delete(&alice, &stored[0].file_id).await.done()?;
        client.upload(&alice, &empty).await.done()?;
        client.upload(&alice, &empty).await.refused_as(ProblemKind::QuotaExceeded)?;
    }
    Ok(())
}
