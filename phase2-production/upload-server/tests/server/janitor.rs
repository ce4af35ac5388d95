//! Garbage collection: old orphan blobs are removed, young ones are not.

use crate::account_client::{AccountClient, blobs, bytes_of, single_replica};
use crate::half_open::HalfOpenRequest;
use crate::stores::{StoreKind, TestStores};
use anyhow::ensure;
use api_conformance::eventually::{eventually, wait_idle};
use api_contract::uploads::{TUS_MEDIA_TYPE, TUS_VERSION, headers as names};
use client::Upload;
use client::digest::sha256;
use client::raw::authority;
use http::Method;
use std::fs;
use std::time::{Duration, SystemTime};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Timeout for the garbage collection.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(60);

/// The shortest grace period that the server accepts. A janitor runs twice within it, and
/// once at the start of its replica.
const MIN_GRACE: [&str; 2] = ["--orphan-grace-ms", "30000"];

/// Makes all blobs on disk older than any grace period.
fn age_all_blobs(stores: &TestStores) -> anyhow::Result<()> {
    let old = SystemTime::now() - Duration::from_secs(2 * 3600);
    for blob in blobs(&stores.fixture) {
        let path = stores.fixture.data_dir().join("blobs").join(blob);
        fs::File::options().write(true).open(path)?.set_modified(old)?;
    }
    Ok(())
}

/// Three replicas, each with a janitor, and a file that must stay.
#[tokio::test]
async fn old_orphan_blobs_are_removed_and_files_are_kept() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(stores.replica("token", &MIN_GRACE).await?);
    }
    let alice = AccountClient::alice(&replicas[0]).await?;
    let file = Upload::of_size("kept", 100_000);
    let kept = alice.client.upload(&alice.credential, &file).await.done()?.body.file_id;
    let folder = stores.fixture.data_dir().join("blobs");
    for orphan in
        ["files/main/orphan", "files/main/half#1", "parts/main/p", "incoming/main/i"]
    {
        let path = folder.join(orphan);
        fs::create_dir_all(path.parent().expect("the path has a folder"))?;
        fs::write(path, "orphan")?;
    }
    let _first_round = stores.replica("token", &MIN_GRACE).await?;
    wait_idle(Duration::from_secs(1)).await;
    assert_eq!(blobs(&stores.fixture).len(), 5, "a young orphan was removed");
    age_all_blobs(&stores)?;
    let only = vec![format!("files/main/{kept}")];
    let cleared = async || Ok((blobs(&stores.fixture) == only).then_some(()));
    eventually(CLEANUP_TIMEOUT, "only the file to remain", cleared).await?;
    let _another_round = stores.replica("token", &MIN_GRACE).await?;
    wait_idle(Duration::from_secs(1)).await;
    assert_eq!(blobs(&stores.fixture), only);
    assert_eq!(alice.hash_of(&kept).await?, sha256(&file.bytes));
    Ok(())
}

#[tokio::test]
async fn bytes_received_by_a_killed_replica_are_removed() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let mut killed = stores.replica("token", &[]).await?;
    let alice = AccountClient::alice(&killed).await?;
    let request = alice.request(Method::POST, "/api/upload").build()?;
    let credential = request.headers()["authorization"].to_str()?.to_owned();
    let head = format!(
        "POST /api/upload HTTP/1.1\r\nhost: x\r\nauthorization: {credential}\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: 2000000\r\n\r\n\
         --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
    );
    let mut connection = TcpStream::connect(authority(&killed.base_url)?).await?;
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(&bytes_of(1_000_000)).await?;
    let begun = async || Ok((!blobs(&stores.fixture).is_empty()).then_some(()));
    eventually(CLEANUP_TIMEOUT, "bytes on disk", begun).await?;
    killed.server.kill_9()?;
    assert!(!blobs(&stores.fixture).is_empty(), "the killed process left no bytes");
    age_all_blobs(&stores)?;
    let _next = stores.replica("token", &MIN_GRACE).await?;
    let cleared = async || Ok(blobs(&stores.fixture).is_empty().then_some(()));
    eventually(CLEANUP_TIMEOUT, "no blobs", cleared).await
}

#[tokio::test]
async fn expired_upload_is_removed_and_frees_its_quota() -> anyhow::Result<()> {
    let [grace, shortest] = MIN_GRACE;
    let flags = ["--upload-life-ms", "1500", grace, shortest, "--quota", "100"];
    let (_server, alice) = single_replica(&flags).await?;
    let path = alice.create("a", 100).await?;
    alice.append(&path, 0, &bytes_of(50)).await?;
    let again = async || Ok(alice.create("b", 100).await.ok());
    eventually(CLEANUP_TIMEOUT, "free quota", again).await?;
    let gone = alice.head(&path).await?;
    assert_eq!(gone.status, http::StatusCode::NOT_FOUND);
    Ok(())
}

/// The server refuses the upload after receiving all its bytes, and keeps none of them.
#[tokio::test]
async fn refused_upload_leaves_no_blobs() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let server = stores.replica("token", &["--quota", "1000"]).await?;
    let alice = AccountClient::alice(&server).await?;
    let refused =
        alice.client.upload(&alice.credential, &Upload::of_size("a", 1_001)).await;
    refused.refused_as(api_contract::problem::ProblemKind::QuotaExceeded)?;
    let cleared = async || Ok(blobs(&stores.fixture).is_empty().then_some(()));
    eventually(CLEANUP_TIMEOUT, "no blobs", cleared).await?;
    alice.client.upload(&alice.credential, &Upload::of_size("a", 1_000)).await.done()?;
    Ok(())
}

/// No commit was sent, so the replica deletes the bytes itself. The janitor would need an
/// hour.
#[tokio::test]
async fn upload_without_database_leaves_no_blobs() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, false).await?;
    let server = stores.replica("memory", &[]).await?;
    let alice = AccountClient::alice(&server).await?;
    let lost = stores.disconnect_database().await?;
    let refused =
        alice.client.upload(&alice.credential, &Upload::of_size("a", 1_000)).await;
    refused.refused_as(api_contract::problem::ProblemKind::RecordsUnavailable)?;
    let cleared = async || Ok(blobs(&stores.fixture).is_empty().then_some(()));
    eventually(CLEANUP_TIMEOUT, "no blobs", cleared).await?;
    lost.reconnect().await?;
    Ok(())
}

/// The same for a part: the upload was found, then the database became unavailable.
#[tokio::test]
async fn upload_part_without_database_leaves_no_blobs() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, false).await?;
    let server = stores.replica("memory", &[]).await?;
    let alice = AccountClient::alice(&server).await?;
    let path = alice.create("a", 1_000).await?;
    let head = format!(
        "{}: {TUS_VERSION}\r\n{}: 0\r\ncontent-type: {TUS_MEDIA_TYPE}",
        names::TUS_RESUMABLE,
        names::UPLOAD_OFFSET
    );
    let call = format!("PATCH {path}");
    let part =
        HalfOpenRequest::start(&server, &alice.credential, &call, &head, bytes_of(500))
            .await?;
    let lost = stores.disconnect_database().await?;
    let response = part.finish().await?;
    ensure!(response.starts_with("HTTP/1.1 503 "), "{response}");
    let cleared = async || Ok(blobs(&stores.fixture).is_empty().then_some(()));
    eventually(CLEANUP_TIMEOUT, "no blobs", cleared).await?;
    lost.reconnect().await?;
    let back = async || Ok(alice.offset(&path).await.ok());
    let offset = eventually(CLEANUP_TIMEOUT, "the database to be back", back).await?;
    ensure!(offset == 0, "{offset} bytes count");
    Ok(())
}
