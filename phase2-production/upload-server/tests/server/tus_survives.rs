//! What was answered for survives the replica that answered.

use crate::on::{Stores, World};
use crate::steps::{Person, alone, bytes_of, sha256, slug};
use api_conformance::eventually::eventually;
use api_conformance::process::PATIENCE;
use api_conformance::raw::authority;
use api_contract::uploads::{TUS_MEDIA_TYPE, headers as names};
use futures_util::future::join_all;
use http::StatusCode;
use http::header::AUTHORIZATION;
use records::uploads::{self, Part};
use records::{OrgId, PoolLimits, Records, Scope};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use upload_domain::file_id::FileId;
use upload_domain::incoming::now_ms;

const LARGE: usize = 12 * 1024 * 1024;
const ROOM: [&str; 2] = ["--max-upload", "16777216"];

/// The bytes trickle in at one replica, which is killed at some moment; the other one goes
/// on from what it finds. Four kills, each after another part.
#[tokio::test]
async fn an_upload_goes_on_at_another_replica_after_a_kill() -> anyhow::Result<()> {
    let world = World::new(Stores::Real, false).await?;
    let survivor = world.replica("token", &ROOM).await?;
    let alice = Person::alice(&survivor).await?;
    let bytes = bytes_of(LARGE);
    let path = alice.create("large", LARGE).await?;
    let mut kept = 0;
    for kill in 1..=4 {
        let mut doomed = world.replica("token", &ROOM).await?;
        let at_doomed = alice.at(&doomed);
        let (target, rest) = (path.clone(), bytes[kept..].to_vec());
        let sending =
            tokio::spawn(async move { at_doomed.append(&target, kept, &rest).await });
        let goal = LARGE / 5 * kill;
        let enough = async || Ok((alice.offset(&path).await? >= goal).then_some(()));
        eventually(PATIENCE, "some bytes are kept", enough).await?;
        doomed.server.kill_9()?;
        let _cut_off = sending.await?;
        let now = alice.offset(&path).await?;
        assert!(now >= kept, "{now} bytes after {kept}");
        kept = now;
    }
    if kept < LARGE {
        let rest = alice.append(&path, kept, &bytes[kept..]).await?;
        assert_eq!(rest.status, StatusCode::NO_CONTENT, "{}", slug(&rest));
    }
    let head = alice.head(&path).await?;
    let file_id = head.header(names::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file_id).await?, sha256(&bytes));
    assert_eq!(alice.files().await?.len(), 1);
    Ok(())
}

/// "Store as much as possible": not only whole pieces.
#[tokio::test]
async fn what_came_before_a_client_hung_up_is_kept() -> anyhow::Result<()> {
    let (server, alice) = alone(&[]).await?;
    let bytes = bytes_of(300_000);
    let path = alice.create("a", bytes.len()).await?;
    let request = alice.patch(&path, 0).build()?;
    let proof = request.headers()[AUTHORIZATION].to_str()?.to_owned();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: x\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\n\
         content-type: {TUS_MEDIA_TYPE}\r\nauthorization: {proof}\r\n\
         content-length: 300000\r\n\r\n"
    );
    let mut connection = TcpStream::connect(authority(&server.base_url)?).await?;
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(&bytes[..123_456]).await?;
    connection.shutdown().await?;
    drop(connection);
    let there = async || Ok((alice.offset(&path).await? == 123_456).then_some(()));
    eventually(PATIENCE, "123456 bytes are kept", there).await?;
    let rest = alice.append(&path, 123_456, &bytes[123_456..]).await?;
    let file_id = rest.header(names::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file_id).await?, sha256(&bytes));
    Ok(())
}

/// Two clients, or one that is impatient: each byte is written once.
#[tokio::test]
async fn of_many_who_write_at_one_place_one_succeeds() -> anyhow::Result<()> {
    let world = World::new(Stores::Real, false).await?;
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(world.replica("token", &[]).await?);
    }
    let alice = Person::alice(&replicas[0]).await?;
    let bytes = bytes_of(50_000);
    let path = alice.create("contended", bytes.len()).await?;
    for start in (0..bytes.len()).step_by(10_000) {
        let attempts = (0..6).map(|n| {
            let (there, path) = (alice.at(&replicas[n % 3]), path.clone());
            let part = bytes[start..start + 10_000].to_vec();
            async move { there.append(&path, start, &part).await }
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

/// What a replica leaves that is killed after the last byte and before the file.
async fn all_bytes_and_no_file(world: &World, path: &str) -> anyhow::Result<()> {
    let data = world.fixture.data_dir();
    let url = format!("sqlite://{}", data.join("records.sqlite").display());
    let records = Records::open(&url, PoolLimits::default()).await?;
    let id = path.rsplit('/').next().and_then(FileId::parse).expect("an upload's path");
    let blob_key = format!("parts/main/{id}-last");
    let blob = data.join("blobs").join(&blob_key);
    std::fs::create_dir_all(blob.parent().expect("it lies in a folder"))?;
    std::fs::write(blob, "hello")?;
    let main = OrgId::parse("main")?;
    let added = records.run(Scope::Organisation(main.clone()), move |tx| {
        Box::pin(async move {
            let upload = uploads::find(tx, &main, id).await?.expect("it is there");
            let part = Part { starts_at: 0, size: 5, blob_key };
            uploads::add_part(tx, &upload, &part, now_ms().cast_signed()).await
        })
    });
    assert!(added.await?);
    records.close().await;
    Ok(())
}

#[tokio::test]
async fn whoever_asks_next_gets_the_file_that_a_kill_prevented() -> anyhow::Result<()> {
    for ask_with_an_empty_piece in [false, true] {
        let world = World::new(Stores::Embedded, false).await?;
        let server = world.replica("token", &[]).await?;
        let alice = Person::alice(&server).await?;
        let path = alice.create("a", 5).await?;
        all_bytes_and_no_file(&world, &path).await?;
        let reply = match ask_with_an_empty_piece {
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
async fn if_nobody_asks_the_janitor_makes_the_file() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let server = world.replica("token", &["--orphan-grace-ms", "20000"]).await?;
    let alice = Person::alice(&server).await?;
    let path = alice.create("a", 5).await?;
    all_bytes_and_no_file(&world, &path).await?;
    let one = async || Ok(alice.files().await?.pop());
    let file_id = eventually(Duration::from_secs(60), "the janitor's file", one).await?;
    assert_eq!(alice.hash_of(&file_id).await?, sha256(b"hello"));
    Ok(())
}
