//! Acknowledged bytes survive the replica that acknowledged them.

use crate::account_client::{AccountClient, bytes_of, single_replica, slug};
use crate::stores::{StoreKind, TestStores};
use anyhow::ensure;
use api_conformance::eventually::eventually;
use api_conformance::fixture::Started;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::uploads::{TUS_MEDIA_TYPE, headers as names};
use client::digest::sha256;
use client::raw::authority;
use futures_util::future::join_all;
use http::StatusCode;
use http::header::AUTHORIZATION;
use records::uploads::{self, Part};
use records::{OrgId, PoolLimits, Records, Scope};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use upload_domain::file_id::FileId;
use upload_domain::incoming::now_ms;

const UPLOAD_SIZE: usize = 12 * 1024 * 1024;
const MAX_UPLOAD: [&str; 2] = ["--max-upload", "16777216"];

/// Four times, one replica is killed while it receives bytes, each time at a later
/// offset; the next one continues from the stored offset.
#[tokio::test]
async fn upload_resumes_on_another_replica_after_a_kill() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, false).await?;
    let survivor = stores.replica("token", &MAX_UPLOAD).await?;
    let alice = AccountClient::alice(&survivor).await?;
    let bytes = bytes_of(UPLOAD_SIZE);
    let path = alice.create("large", UPLOAD_SIZE).await?;
    let mut stored = 0;
    for kill in 1..=4 {
        let mut killed = stores.replica("token", &MAX_UPLOAD).await?;
        let at_killed = alice.at(&killed);
        let (target, rest) = (path.clone(), bytes[stored..].to_vec());
        let sending =
            tokio::spawn(async move { at_killed.append(&target, stored, &rest).await });
        let goal = UPLOAD_SIZE / 5 * kill;
        let enough = async || Ok((alice.offset(&path).await? >= goal).then_some(()));
        eventually(PROCESS_TIMEOUT, "stored bytes", enough).await?;
        killed.server.kill_9()?;
        let _cut_off = sending.await?;
        let now = alice.offset(&path).await?;
        assert!(now >= stored, "{now} bytes after {stored}");
        stored = now;
    }
    if stored < UPLOAD_SIZE {
        let rest = alice.append(&path, stored, &bytes[stored..]).await?;
        assert_eq!(rest.status, StatusCode::NO_CONTENT, "{}", slug(&rest));
    }
    let head = alice.head(&path).await?;
    let file_id = head.header(names::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file_id).await?, sha256(&bytes));
    assert_eq!(alice.files().await?.len(), 1);
    Ok(())
}

/// Sends the head of a request that appends all `bytes` at offset 0, and the first ones.
async fn begin_append(
    server: &Started,
    alice: &AccountClient,
    path: &str,
    bytes: &[u8],
    first: usize,
) -> anyhow::Result<TcpStream> {
    let request = alice.patch(path, 0).build()?;
    let credential = request.headers()[AUTHORIZATION].to_str()?.to_owned();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: x\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\n\
         content-type: {TUS_MEDIA_TYPE}\r\nauthorization: {credential}\r\n\
         content-length: {}\r\n\r\n",
        bytes.len()
    );
    let mut connection = TcpStream::connect(authority(&server.base_url)?).await?;
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(&bytes[..first]).await?;
    Ok(connection)
}

/// The status of the next response.
async fn status_of(connection: &mut TcpStream) -> anyhow::Result<String> {
    let mut line = [0; 12];
    connection.read_exact(&mut line).await?;
    Ok(String::from_utf8_lossy(&line[9..]).into_owned())
}

/// The tus protocol: "store as much as possible". The server stores incomplete parts too.
#[tokio::test]
async fn bytes_received_before_a_disconnect_are_kept() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    let bytes = bytes_of(300_000);
    let path = alice.create("a", bytes.len()).await?;
    let mut connection = begin_append(&server, &alice, &path, &bytes, 123_456).await?;
    connection.shutdown().await?;
    drop(connection);
    let received = async || Ok((alice.offset(&path).await? == 123_456).then_some(()));
    eventually(PROCESS_TIMEOUT, "123456 stored bytes", received).await?;
    let rest = alice.append(&path, 123_456, &bytes[123_456..]).await?;
    let file_id = rest.header(names::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file_id).await?, sha256(&bytes));
    Ok(())
}

/// Two requests send most of one upload, and then no more. The first one stores its bytes
/// while it waits, so that they take no memory; the other is refused. The first can go on.
#[tokio::test]
async fn stalled_request_stores_its_bytes_and_can_continue() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    let bytes = bytes_of(300_000);
    let path = alice.create("a", bytes.len()).await?;
    let mut one = begin_append(&server, &alice, &path, &bytes, 200_000).await?;
    let mut other = begin_append(&server, &alice, &path, &bytes, 200_000).await?;
    let (refused, mut stored) = tokio::select! {
        status = status_of(&mut one) => (status?, other),
        status = status_of(&mut other) => (status?, one),
    };
    assert_eq!(refused, "409");
    let kept = async || Ok((alice.offset(&path).await? == 200_000).then_some(()));
    eventually(PROCESS_TIMEOUT, "200000 stored bytes", kept).await?;
    stored.write_all(&bytes[200_000..]).await?;
    assert_eq!(status_of(&mut stored).await?, "204");
    let head = alice.head(&path).await?;
    let file_id = head.header(names::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file_id).await?, sha256(&bytes));
    Ok(())
}

/// The disk of the files is unmounted: the folder below it takes the bytes, which would be
/// missing after the remount.
#[tokio::test]
async fn part_on_an_exchanged_store_is_refused() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let server = stores.replica("token", &[]).await?;
    let alice = AccountClient::alice(&server).await?;
    let path = alice.create("a", 10).await?;
    alice.append(&path, 0, b"01234").await?;
    let data = stores.fixture.data_dir();
    let (mounted, away) = (data.join("blobs"), data.join("blobs.away"));
    std::fs::rename(&mounted, &away)?;
    std::fs::create_dir(&mounted)?;
    let empty = alice.create("b", 10).await?;
    for (path, offset) in [(&path, 5), (&empty, 0)] {
        let lost = alice.append(path, offset, b"5678").await?;
        ensure!(slug(&lost) == "file-store-unavailable", "{lost:?}");
        assert_eq!(lost.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(alice.offset(path).await?, offset);
    }
    std::fs::rename(&mounted, data.join("blobs.empty"))?;
    std::fs::rename(&away, &mounted)?;
    let last = alice.append(&path, 5, b"56789").await?;
    let file_id = last.header(names::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file_id).await?, sha256(b"0123456789"));
    Ok(())
}

/// Concurrent clients, or one client that retries early: each byte is written once.
#[tokio::test]
async fn concurrent_writes_at_one_offset_have_one_winner() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, false).await?;
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(stores.replica("token", &[]).await?);
    }
    let alice = AccountClient::alice(&replicas[0]).await?;
    let bytes = bytes_of(50_000);
    let path = alice.create("contended", bytes.len()).await?;
    for start in (0..bytes.len()).step_by(10_000) {
        let attempts = (0..6).map(|n| {
            let (account, path) = (alice.at(&replicas[n % 3]), path.clone());
            let part = bytes[start..start + 10_000].to_vec();
            async move { account.append(&path, start, &part).await }
        });
        let mut done = 0;
        for reply in join_all(attempts).await {
            match reply?.status {
                StatusCode::NO_CONTENT => done += 1,
                other => assert_eq!(other, StatusCode::CONFLICT),
            }
        }
        assert_eq!(done, 1, "at {start}");
    }
    let head = alice.head(&path).await?;
    let file_id = head.header(names::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file_id).await?, sha256(&bytes));
    Ok(())
}

/// The state after a kill between the last byte and the creation of the file.
async fn store_all_bytes_without_file(
    stores: &TestStores,
    path: &str,
) -> anyhow::Result<()> {
    let data = stores.fixture.data_dir();
    let url = format!("sqlite://{}", data.join("records.sqlite").display());
    let records = Records::open(&url, PoolLimits::default()).await?;
    let id =
        path.rsplit('/').next().and_then(FileId::parse).expect("the path of an upload");
    let blob_key = format!("parts/main/{id}-last");
    let blob = data.join("blobs").join(&blob_key);
    std::fs::create_dir_all(blob.parent().expect("the path has a folder"))?;
    std::fs::write(blob, "hello")?;
    let main = OrgId::parse("main")?;
    let added = records.run(Scope::Organisation(main.clone()), move |tx| {
        Box::pin(async move {
            let upload = uploads::find(tx, &main, id).await?.expect("the upload exists");
            let part = Part { starts_at: 0, size: 5, blob_key };
            uploads::add_part(tx, &upload, &part, now_ms().cast_signed()).await
        })
    });
    assert!(added.await?);
    records.close().await;
    Ok(())
}

#[tokio::test]
async fn next_request_creates_the_file_after_a_kill() -> anyhow::Result<()> {
    for with_empty_patch in [false, true] {
        let stores = TestStores::new(StoreKind::Embedded, false).await?;
        let server = stores.replica("token", &[]).await?;
        let alice = AccountClient::alice(&server).await?;
        let path = alice.create("a", 5).await?;
        store_all_bytes_without_file(&stores, &path).await?;
        let reply = match with_empty_patch {
            true => alice.append(&path, 5, b"").await?,
            false => alice.head(&path).await?,
        };
        let file_id = reply.header(names::FILE_ID).unwrap_or_default();
        assert_eq!(alice.hash_of(file_id).await?, sha256(b"hello"));
        assert_eq!(alice.files().await?.len(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn janitor_creates_the_file_of_a_complete_upload() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let server = stores.replica("token", &["--orphan-grace-ms", "30000"]).await?;
    let alice = AccountClient::alice(&server).await?;
    let path = alice.create("a", 5).await?;
    store_all_bytes_without_file(&stores, &path).await?;
    let file = async || Ok(alice.files().await?.pop());
    let file_id =
        eventually(Duration::from_secs(60), "a file by the janitor", file).await?;
    assert_eq!(alice.hash_of(&file_id).await?, sha256(b"hello"));
    Ok(())
}
