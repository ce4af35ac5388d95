//! What nobody needs is cleared away; what is young is not touched.

use crate::let_in::LetIn;
use crate::on::{Stores, World};
use crate::steps::{Person, alone, blobs, bytes_of, sha256};
use anyhow::ensure;
use api_conformance::eventually::{eventually, silence};
use api_conformance::form::Upload;
use api_conformance::raw::authority;
use api_contract::uploads::{TUS_MEDIA_TYPE, TUS_VERSION, headers as names};
use http::Method;
use std::fs;
use std::time::{Duration, SystemTime};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(60);

/// The shortest that the server takes. A janitor goes round twice in that time, and at the
/// start of its replica.
const SHORTEST_GRACE: [&str; 2] = ["--orphan-grace-ms", "20000"];

/// All bytes on disk are older than any grace now.
fn an_hour_passes(world: &World) -> anyhow::Result<()> {
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 3600);
    for blob in blobs(&world.fixture) {
        let path = world.fixture.data_dir().join("blobs").join(blob);
        fs::File::options().write(true).open(path)?.set_modified(long_ago)?;
    }
    Ok(())
}

/// Three replicas, each with a janitor, and a file that must stay.
#[tokio::test]
async fn orphans_are_removed_when_they_are_old_and_files_never() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(world.replica("token", &SHORTEST_GRACE).await?);
    }
    let alice = Person::alice(&replicas[0]).await?;
    let file = Upload::of_size("kept", 100_000);
    let kept = alice.client.upload(&alice.proof, &file).await.done()?.body.file_id;
    let folder = world.fixture.data_dir().join("blobs");
    for orphan in
        ["files/main/orphan", "files/main/half#1", "parts/main/p", "incoming/main/i"]
    {
        let path = folder.join(orphan);
        fs::create_dir_all(path.parent().expect("it lies in a folder"))?;
        fs::write(path, "nobody's")?;
    }
    let _first_round = world.replica("token", &SHORTEST_GRACE).await?;
    silence(Duration::from_secs(1)).await;
    assert_eq!(blobs(&world.fixture).len(), 5, "young ones are not touched");
    an_hour_passes(&world)?;
    let only = vec![format!("files/main/{kept}")];
    let cleared = async || Ok((blobs(&world.fixture) == only).then_some(()));
    eventually(PATIENCE, "only the file is left", cleared).await?;
    let _another_round = world.replica("token", &SHORTEST_GRACE).await?;
    silence(Duration::from_secs(1)).await;
    assert_eq!(blobs(&world.fixture), only);
    assert_eq!(alice.hash_of(&kept).await?, sha256(&file.bytes));
    Ok(())
}

#[tokio::test]
async fn what_a_killed_replica_was_taking_is_cleared_away() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let mut doomed = world.replica("token", &[]).await?;
    let alice = Person::alice(&doomed).await?;
    let request = alice.ask(Method::POST, "/api/upload").build()?;
    let proof = request.headers()["authorization"].to_str()?.to_owned();
    let head = format!(
        "POST /api/upload HTTP/1.1\r\nhost: x\r\nauthorization: {proof}\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: 2000000\r\n\r\n\
         --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
    );
    let mut connection = TcpStream::connect(authority(&doomed.base_url)?).await?;
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(&bytes_of(1_000_000)).await?;
    let begun = async || Ok((!blobs(&world.fixture).is_empty()).then_some(()));
    eventually(PATIENCE, "some bytes are on disk", begun).await?;
    doomed.server.kill_9()?;
    assert!(!blobs(&world.fixture).is_empty(), "a killed process clears nothing away");
    an_hour_passes(&world)?;
    let _next = world.replica("token", &SHORTEST_GRACE).await?;
    let cleared = async || Ok(blobs(&world.fixture).is_empty().then_some(()));
    eventually(PATIENCE, "nothing is left", cleared).await
}

#[tokio::test]
async fn an_expired_upload_is_gone_and_its_room_is_free() -> anyhow::Result<()> {
    let [grace, shortest] = SHORTEST_GRACE;
    let flags = ["--upload-life-ms", "1500", grace, shortest, "--quota", "100"];
    let (_server, alice) = alone(&flags).await?;
    let path = alice.create("a", 100).await?;
    alice.append(&path, 0, &bytes_of(50)).await?;
    let again = async || Ok(alice.create("b", 100).await.ok());
    eventually(PATIENCE, "the room is free again", again).await?;
    let gone = alice.head(&path).await?;
    assert_eq!(gone.status, http::StatusCode::NOT_FOUND);
    Ok(())
}

/// A whole upload is refused after all its bytes have come: nothing of it stays.
#[tokio::test]
async fn a_refused_upload_leaves_nothing_behind() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let server = world.replica("token", &["--quota", "1000"]).await?;
    let alice = Person::alice(&server).await?;
    let refused = alice.client.upload(&alice.proof, &Upload::of_size("a", 1_001)).await;
    refused.refused_as(api_contract::problem::ProblemKind::QuotaExceeded)?;
    let cleared = async || Ok(blobs(&world.fixture).is_empty().then_some(()));
    eventually(PATIENCE, "nothing is left", cleared).await?;
    alice.client.upload(&alice.proof, &Upload::of_size("a", 1_000)).await.done()?;
    Ok(())
}

/// Nothing can have been committed where nothing was sent: the bytes need no janitor, whose
/// hour is far away.
#[tokio::test]
async fn an_upload_that_the_records_never_heard_of_leaves_nothing_behind()
-> anyhow::Result<()> {
    let world = World::new(Stores::Real, false).await?;
    let server = world.replica("memory", &[]).await?;
    let alice = Person::alice(&server).await?;
    let lost = world.lose_the_records().await?;
    let refused = alice.client.upload(&alice.proof, &Upload::of_size("a", 1_000)).await;
    refused.refused_as(api_contract::problem::ProblemKind::RecordsUnavailable)?;
    let cleared = async || Ok(blobs(&world.fixture).is_empty().then_some(()));
    eventually(PATIENCE, "nothing is left", cleared).await?;
    lost.bring_them_back().await?;
    Ok(())
}

/// The same of a piece of an upload: its upload was looked up, and then the records went.
#[tokio::test]
async fn a_piece_that_the_records_never_heard_of_leaves_nothing_behind()
-> anyhow::Result<()> {
    let world = World::new(Stores::Real, false).await?;
    let server = world.replica("memory", &[]).await?;
    let alice = Person::alice(&server).await?;
    let path = alice.create("a", 1_000).await?;
    let head = format!(
        "{}: {TUS_VERSION}\r\n{}: 0\r\ncontent-type: {TUS_MEDIA_TYPE}",
        names::TUS_RESUMABLE,
        names::UPLOAD_OFFSET
    );
    let call = format!("PATCH {path}");
    let piece =
        LetIn::to_call(&server, &alice.proof, &call, &head, bytes_of(500)).await?;
    let lost = world.lose_the_records().await?;
    let answer = piece.finish().await?;
    ensure!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let cleared = async || Ok(blobs(&world.fixture).is_empty().then_some(()));
    eventually(PATIENCE, "nothing is left", cleared).await?;
    lost.bring_them_back().await?;
    let back = async || Ok(alice.offset(&path).await.ok());
    let offset = eventually(PATIENCE, "the records are back", back).await?;
    ensure!(offset == 0, "{offset} bytes of it count");
    Ok(())
}
