//! Uploads to a signed URL: the URL alone authorises its holder to write one file.

use crate::account_client::{AccountClient, blobs, bytes_of, single_replica, slug};
use crate::stores::{StoreKind, TestStores};
use anyhow::bail;
use api_conformance::eventually::eventually;
use api_conformance::fixture::Started;
use api_contract::files::FileCreated;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::uploads::{PendingUpload, UploadKind, UploadStarted};
use backing_services::{Backing, s3};
use bytes::Bytes;
use client::digest::sha256;
use client::{CallResult, Options, Reply};
use http::{Method, StatusCode};
use sqlx::{Connection, SqliteConnection};
use std::time::{Duration, Instant};
use upload_domain::incoming::now_ms;

async fn started(account: &AccountClient, size: usize) -> anyhow::Result<UploadStarted> {
    let reply = account.start_upload("a.txt", size).await.done()?;
    assert_eq!((reply.status, reply.body.method.as_str()), (StatusCode::CREATED, "PUT"));
    Ok(reply.body)
}

/// Sent without a credential: the URL is the authorisation.
async fn put(server: &Started, url: &str, bytes: &[u8]) -> anyhow::Result<Reply<Bytes>> {
    let client = server.client();
    Ok(client.send(client.request(Method::PUT, url).body(bytes.to_vec())).await?)
}

async fn completed(
    account: &AccountClient,
    upload_id: &str,
) -> anyhow::Result<FileCreated> {
    let reply = account.complete_upload(upload_id).await.done()?;
    assert_eq!(reply.status, StatusCode::CREATED);
    Ok(reply.body)
}

async fn pending(account: &AccountClient) -> anyhow::Result<Vec<PendingUpload>> {
    let listed = account.client.pending_uploads(&account.credential).await.done()?;
    Ok(listed.body.uploads)
}

#[tokio::test]
async fn put_to_a_signed_url_becomes_a_file() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    let bytes = bytes_of(1_000_000);
    let upload = started(&alice, bytes.len()).await?;
    assert_eq!(put(&server, &upload.url, &bytes).await?.status, StatusCode::OK);
    assert!(alice.files().await?.is_empty(), "a file before completion");
    let file = completed(&alice, &upload.upload_id).await?;
    assert_eq!((file.name.as_str(), file.size), ("a.txt", 1_000_000));
    assert_eq!(file.sha256, sha256(&bytes));
    assert_eq!(alice.hash_of(&file.file_id).await?, file.sha256);
    assert_eq!(
        completed(&alice, &upload.upload_id).await?,
        file,
        "a repeated completion"
    );
    assert_eq!(alice.files().await?, [file.file_id]);
    Ok(())
}

#[tokio::test]
async fn presigned_upload_steps_may_use_different_replicas() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let (one, two) =
        (stores.replica("token", &[]).await?, stores.replica("token", &[]).await?);
    let alice = AccountClient::alice(&one).await?;
    let upload = started(&alice, 5).await?;
    assert_eq!(put(&two, &upload.url, b"hello").await?.status, StatusCode::OK);
    let file = completed(&alice, &upload.upload_id).await?;
    assert_eq!(completed(&alice.at(&two), &upload.upload_id).await?, file);
    Ok(())
}

#[tokio::test]
async fn tampered_or_expired_signed_url_is_refused() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&["--upload-life-ms", "8000"]).await?;
    let (upload, other) = (started(&alice, 5).await?, started(&alice, 5).await?);
    let (id, other_id) = (upload.upload_id.as_str(), other.upload_id.as_str());
    let expires = upload.expires_at.to_string();
    let later = (upload.expires_at + 1).to_string();
    for forged in [
        upload.url.replace(id, other_id),
        upload.url.replace(&expires, &later),
        upload.url.replace("organisation=main", "organisation=t2"),
        upload.url.split("&signature").next().unwrap_or_default().to_owned(),
        format!("{}00", upload.url),
        paths::UPLOADS_CONTENT.replace("{upload_id}", id),
    ] {
        let reply = put(&server, &forged, b"hello").await?;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{forged}");
        assert_eq!(slug(&reply), "signature-invalid");
    }
    alice.complete_upload(id).await.refused_as(ProblemKind::UploadIncomplete)?;
    let expired = async || {
        let reply = put(&server, &upload.url, b"hello").await?;
        Ok((reply.status != StatusCode::OK).then_some(reply))
    };
    let timeout = api_conformance::process::PROCESS_TIMEOUT;
    let reply = eventually(timeout, "the URL to expire", expired).await?;
    assert_eq!(
        (reply.status, slug(&reply).as_str()),
        (StatusCode::GONE, "upload-expired")
    );
    let forged = put(&server, &format!("{}00", upload.url), b"hello").await?;
    assert_eq!(slug(&forged), "signature-invalid", "the signature is checked first");
    let CallResult::Refused(late) = alice.complete_upload(id).await else {
        bail!("an expired upload was completed");
    };
    assert!(["upload-expired", "upload-not-found"].contains(&late.body.slug()));
    Ok(())
}

#[tokio::test]
async fn put_must_match_the_announced_size() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    let upload = started(&alice, 5).await?;
    assert_eq!(slug(&put(&server, &upload.url, b"hell").await?), "upload-incomplete");
    assert_eq!(slug(&put(&server, &upload.url, b"hello!").await?), "upload-too-large");
    let early = alice.complete_upload(&upload.upload_id).await;
    early.refused_as(ProblemKind::UploadIncomplete)?;
    assert_eq!(put(&server, &upload.url, b"hello").await?.status, StatusCode::OK);
    assert_eq!(slug(&put(&server, &upload.url, b"hell").await?), "upload-incomplete");
    let file = completed(&alice, &upload.upload_id).await?;
    assert_eq!(file.sha256, sha256(b"hello"), "a failed PUT replaced the bytes");
    let too_large = alice.start_upload("a.txt", server.max_upload + 1).await;
    too_large.refused_as(ProblemKind::UploadTooLarge)?;
    Ok(())
}

/// The quota belonged to the file and is free after its deletion.
#[tokio::test]
async fn put_after_completion_stores_no_uncharged_bytes() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let server = stores.replica("token", &["--quota", "100"]).await?;
    let alice = AccountClient::alice(&server).await?;
    let bytes = bytes_of(100);
    let upload = started(&alice, 100).await?;
    assert_eq!(put(&server, &upload.url, &bytes).await?.status, StatusCode::OK);
    let file = completed(&alice, &upload.upload_id).await?;
    alice.client.delete(&alice.credential, &file.file_id).await.done()?;
    let late = put(&server, &upload.url, &bytes).await?;
    assert_eq!(slug(&late), "upload-not-found");
    let timeout = api_conformance::process::PROCESS_TIMEOUT;
    let nothing = async || Ok(blobs(&stores.fixture).is_empty().then_some(()));
    eventually(timeout, "no blobs", nothing).await
}

/// Completion copies the bytes: the file does not share them with the upload.
#[tokio::test]
async fn put_after_completion_does_not_change_the_file() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    let upload = started(&alice, 5).await?;
    put(&server, &upload.url, b"hello").await?;
    let file = completed(&alice, &upload.upload_id).await?;
    let late = put(&server, &upload.url, b"HELLO").await?;
    assert_eq!(slug(&late), "upload-not-found");
    assert_eq!(alice.hash_of(&file.file_id).await?, sha256(b"hello"));
    assert_eq!(completed(&alice, &upload.upload_id).await?, file);
    Ok(())
}

#[tokio::test]
async fn pending_uploads_are_listed_and_can_be_cancelled() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&["--quota", "100"]).await?;
    let upload = started(&alice, 100).await?;
    alice.start_upload("a.txt", 1).await.refused_as(ProblemKind::QuotaExceeded)?;
    let listed = pending(&alice).await?;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].kind, listed[0].size), (UploadKind::Presigned, 100));
    assert_eq!(listed[0].upload_id, upload.upload_id);

    let bob = AccountClient::bob(&server).await?;
    assert!(pending(&bob).await?.is_empty());
    let path = paths::UPLOADS_ONE.replace("{upload_id}", &upload.upload_id);
    for (account, status) in [
        (&bob, StatusCode::NOT_FOUND),
        (&alice, StatusCode::OK),
        (&alice, StatusCode::NOT_FOUND),
    ] {
        let reply = account.client.send(account.request(Method::DELETE, &path)).await?;
        assert_eq!(reply.status, status);
    }
    let foreign = bob.complete_upload(&upload.upload_id).await;
    foreign.refused_as(ProblemKind::UploadNotFound)?;
    assert_eq!(slug(&put(&server, &upload.url, b"x").await?), "upload-not-found");
    assert!(pending(&alice).await?.is_empty());
    started(&alice, 100).await?;
    Ok(())
}

#[tokio::test]
async fn repeated_completion_does_not_restore_a_deleted_file() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    let upload = started(&alice, 5).await?;
    put(&server, &upload.url, b"hello").await?;
    let file = completed(&alice, &upload.upload_id).await?;
    alice.client.delete(&alice.credential, &file.file_id).await.done()?;
    assert_eq!(completed(&alice, &upload.upload_id).await?, file);
    assert!(alice.files().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn ten_concurrent_completions_create_one_file() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    let upload = started(&alice, 5).await?;
    put(&server, &upload.url, b"hello").await?;
    let attempts = (0..10).map(|_| completed(&alice, &upload.upload_id));
    let files = futures_util::future::try_join_all(attempts).await?;
    assert!(files.iter().all(|file| *file == files[0]), "{files:?}");
    assert_eq!(alice.files().await?.len(), 1);
    Ok(())
}

/// A replica that makes the file holds its claim: longer than any request waits.
async fn claim_for_another_replica(
    stores: &TestStores,
    upload_id: &str,
) -> anyhow::Result<()> {
    let file = stores.fixture.data_dir().join("records.sqlite");
    let rows = SqliteConnection::connect(&format!("sqlite://{}", file.display()));
    let rows = &mut rows.await?;
    sqlx::query("PRAGMA busy_timeout = 5000").execute(&mut *rows).await?;
    sqlx::query(
        "UPDATE uploads SET finisher = 'another', finish_until = $1 WHERE upload_id = $2",
    )
    .bind(now_ms().cast_signed() + 600_000)
    .bind(upload_id)
    .execute(&mut *rows)
    .await?;
    Ok(())
}

/// A balancer of the lab waits for five seconds. The limit of this test is for a busy machine.
#[tokio::test]
async fn completion_during_another_is_refused_within_seconds() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let server = stores.replica("token", &[]).await?;
    let alice = AccountClient::alice(&server).await?;
    let upload = started(&alice, 5).await?;
    put(&server, &upload.url, b"hello").await?;
    claim_for_another_replica(&stores, &upload.upload_id).await?;
    let began = Instant::now();
    let busy = alice.complete_upload(&upload.upload_id).await;
    let busy = busy.refused_as(ProblemKind::UploadBusy)?;
    assert!(busy.header("retry-after").is_some());
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    Ok(())
}

/// The bytes go directly to the object store, past every replica.
#[tokio::test]
async fn s3_upload_url_points_to_the_bucket() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let store = s3(Backing::Local, stores.fixture.folder()).await?;
    let server = stores.replica("token", &["--files-url", &store.url]).await?;
    let alice = AccountClient::alice(&server).await?;
    let bytes = bytes_of(1_500_000);
    let upload = started(&alice, bytes.len()).await?;
    assert!(!upload.url.starts_with(&server.base_url) && upload.url.starts_with("http"));
    let http = Options::default().build();
    let sent = http.put(&upload.url).body(bytes.clone()).send().await?;
    assert_eq!(sent.status(), StatusCode::OK);
    let file = completed(&alice, &upload.upload_id).await?;
    assert_eq!(file.sha256, sha256(&bytes));
    assert_eq!(alice.hash_of(&file.file_id).await?, file.sha256);
    let again = http.put(&upload.url).body("other bytes").send().await?;
    assert_eq!(again.status(), StatusCode::OK);
    assert_eq!(alice.hash_of(&file.file_id).await?, file.sha256);
    let path = alice.create("by tus", bytes.len()).await?;
    let done = alice.append(&path, 0, &bytes).await?;
    let file_id = done.header("x-file-id").unwrap_or_default();
    assert_eq!(alice.hash_of(file_id).await?, file.sha256);
    Ok(())
}
