//! Uploads to a signed URL: who has it may write, and only that.

use crate::on::{Stores, World};
use crate::steps::{Person, alone, blobs, bytes_of, sha256, slug};
use api_conformance::eventually::eventually;
use api_conformance::fixture::Started;
use api_conformance::outcome::Reply;
use api_contract::files::FileCreated;
use api_contract::paths;
use api_contract::uploads::{PendingUploads, UploadKind, UploadStarted};
use backing_services::{Backing, s3};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;

async fn start(person: &Person, size: usize) -> anyhow::Result<Reply<Bytes>> {
    let asked = json!({ "name": "a.txt", "content_type": "text/plain", "size": size });
    let request = person.ask(Method::POST, paths::UPLOADS_START).json(&asked);
    Ok(person.client.send(request).await?)
}

async fn started(person: &Person, size: usize) -> anyhow::Result<UploadStarted> {
    let reply = start(person, size).await?;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", slug(&reply));
    let started: UploadStarted = serde_json::from_slice(&reply.body)?;
    assert_eq!(started.method, "PUT");
    Ok(started)
}

/// Nobody in particular: the URL is all there is to it.
async fn put(server: &Started, url: &str, bytes: &[u8]) -> anyhow::Result<Reply<Bytes>> {
    let client = server.client();
    Ok(client.send(client.request(Method::PUT, url).body(bytes.to_vec())).await?)
}

async fn complete(person: &Person, upload_id: &str) -> anyhow::Result<Reply<Bytes>> {
    let request = person.ask(Method::POST, paths::UPLOADS_COMPLETE);
    Ok(person.client.send(request.json(&json!({ "upload_id": upload_id }))).await?)
}

async fn completed(person: &Person, upload_id: &str) -> anyhow::Result<FileCreated> {
    let reply = complete(person, upload_id).await?;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", slug(&reply));
    Ok(serde_json::from_slice(&reply.body)?)
}

async fn pending(person: &Person) -> anyhow::Result<PendingUploads> {
    let reply = person.client.send(person.ask(Method::GET, paths::UPLOADS)).await?;
    Ok(serde_json::from_slice(&reply.body)?)
}

#[tokio::test]
async fn what_is_put_to_a_signed_url_becomes_a_file() -> anyhow::Result<()> {
    let (server, alice) = alone(&[]).await?;
    let bytes = bytes_of(1_000_000);
    let upload = started(&alice, bytes.len()).await?;
    assert_eq!(put(&server, &upload.url, &bytes).await?.status, StatusCode::OK);
    assert!(alice.files().await?.is_empty(), "not before it is complete");
    let file = completed(&alice, &upload.upload_id).await?;
    assert_eq!((file.name.as_str(), file.size), ("a.txt", 1_000_000));
    assert_eq!(file.sha256, sha256(&bytes));
    assert_eq!(alice.hash_of(&file.file_id).await?, file.sha256);
    assert_eq!(
        completed(&alice, &upload.upload_id).await?,
        file,
        "the same answer again"
    );
    assert_eq!(alice.files().await?, [file.file_id]);
    Ok(())
}

#[tokio::test]
async fn each_step_may_happen_at_another_replica() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let (one, two) =
        (world.replica("token", &[]).await?, world.replica("token", &[]).await?);
    let alice = Person::alice(&one).await?;
    let upload = started(&alice, 5).await?;
    assert_eq!(put(&two, &upload.url, b"hello").await?.status, StatusCode::OK);
    let file = completed(&alice, &upload.upload_id).await?;
    assert_eq!(completed(&alice.at(&two), &upload.upload_id).await?, file);
    Ok(())
}

#[tokio::test]
async fn a_url_that_was_not_signed_for_this_is_refused() -> anyhow::Result<()> {
    let (server, alice) = alone(&["--upload-life-ms", "8000"]).await?;
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
    assert_eq!(slug(&complete(&alice, id).await?), "upload-incomplete");
    let expired = async || {
        let reply = put(&server, &upload.url, b"hello").await?;
        Ok((slug(&reply) == "signature-invalid").then_some(()))
    };
    let patience = api_conformance::process::PATIENCE;
    eventually(patience, "it expires", expired).await?;
    let late = complete(&alice, id).await?;
    assert!(["upload-expired", "upload-not-found"].contains(&slug(&late).as_str()));
    Ok(())
}

#[tokio::test]
async fn exactly_what_was_announced_has_to_come() -> anyhow::Result<()> {
    let (server, alice) = alone(&[]).await?;
    let upload = started(&alice, 5).await?;
    assert_eq!(slug(&put(&server, &upload.url, b"hell").await?), "upload-incomplete");
    assert_eq!(slug(&put(&server, &upload.url, b"hello!").await?), "upload-too-large");
    let early = complete(&alice, &upload.upload_id).await?;
    assert_eq!(
        (early.status, slug(&early).as_str()),
        (StatusCode::CONFLICT, "upload-incomplete")
    );
    assert_eq!(put(&server, &upload.url, b"hello").await?.status, StatusCode::OK);
    assert_eq!(slug(&put(&server, &upload.url, b"hell").await?), "upload-incomplete");
    let file = completed(&alice, &upload.upload_id).await?;
    assert_eq!(file.sha256, sha256(b"hello"), "a try that failed replaced nothing");
    let too_large = start(&alice, server.max_upload + 1).await?;
    assert_eq!(slug(&too_large), "upload-too-large");
    Ok(())
}

/// The room was the file's, and is free when that is gone.
#[tokio::test]
async fn a_completed_upload_takes_no_bytes_that_nobody_is_charged_for()
-> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let server = world.replica("token", &["--quota", "100"]).await?;
    let alice = Person::alice(&server).await?;
    let bytes = bytes_of(100);
    let upload = started(&alice, 100).await?;
    assert_eq!(put(&server, &upload.url, &bytes).await?.status, StatusCode::OK);
    let file = completed(&alice, &upload.upload_id).await?;
    alice.client.delete(&alice.proof, &file.file_id).await.done()?;
    let late = put(&server, &upload.url, &bytes).await?;
    assert_eq!(slug(&late), "upload-not-found");
    let patience = api_conformance::process::PATIENCE;
    let nothing = async || Ok(blobs(&world.fixture).is_empty().then_some(()));
    eventually(patience, "no bytes are left", nothing).await
}

/// The file is another thing than the bytes that were put.
#[tokio::test]
async fn what_is_put_after_the_completion_does_not_change_the_file() -> anyhow::Result<()>
{
    let (server, alice) = alone(&[]).await?;
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
async fn uploads_under_way_are_listed_and_can_be_given_up() -> anyhow::Result<()> {
    let (server, alice) = alone(&["--quota", "100"]).await?;
    let upload = started(&alice, 100).await?;
    let over = start(&alice, 1).await?;
    assert_eq!(slug(&over), "quota-exceeded");
    let listed = pending(&alice).await?.uploads;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].kind, listed[0].size), (UploadKind::Presigned, 100));
    assert_eq!(listed[0].upload_id, upload.upload_id);

    let bob = Person::bob(&server).await?;
    assert!(pending(&bob).await?.uploads.is_empty());
    let path = paths::UPLOADS_ONE.replace("{upload_id}", &upload.upload_id);
    for (person, status) in [
        (&bob, StatusCode::NOT_FOUND),
        (&alice, StatusCode::OK),
        (&alice, StatusCode::NOT_FOUND),
    ] {
        let reply = person.client.send(person.ask(Method::DELETE, &path)).await?;
        assert_eq!(reply.status, status);
    }
    assert_eq!(slug(&complete(&bob, &upload.upload_id).await?), "upload-not-found");
    assert_eq!(slug(&put(&server, &upload.url, b"x").await?), "upload-not-found");
    assert!(pending(&alice).await?.uploads.is_empty());
    started(&alice, 100).await?;
    Ok(())
}

#[tokio::test]
async fn a_deleted_file_does_not_come_back_by_completing_again() -> anyhow::Result<()> {
    let (server, alice) = alone(&[]).await?;
    let upload = started(&alice, 5).await?;
    put(&server, &upload.url, b"hello").await?;
    let file = completed(&alice, &upload.upload_id).await?;
    alice.client.delete(&alice.proof, &file.file_id).await.done()?;
    assert_eq!(completed(&alice, &upload.upload_id).await?, file);
    assert!(alice.files().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn ten_completions_at_once_make_one_file() -> anyhow::Result<()> {
    let (server, alice) = alone(&[]).await?;
    let upload = started(&alice, 5).await?;
    put(&server, &upload.url, b"hello").await?;
    let attempts = (0..10).map(|_| completed(&alice, &upload.upload_id));
    let files = futures_util::future::try_join_all(attempts).await?;
    assert!(files.iter().all(|file| *file == files[0]), "{files:?}");
    assert_eq!(alice.files().await?.len(), 1);
    Ok(())
}

/// The bytes go to the store, past every replica.
#[tokio::test]
async fn with_a_bucket_the_url_is_the_stores_own() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let store = s3(Backing::Local, world.fixture.folder()).await?;
    let server = world.replica("token", &["--files-url", &store.url]).await?;
    let alice = Person::alice(&server).await?;
    let bytes = bytes_of(1_500_000);
    let upload = started(&alice, bytes.len()).await?;
    assert!(!upload.url.starts_with(&server.base_url) && upload.url.starts_with("http"));
    let http = reqwest::Client::new();
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
