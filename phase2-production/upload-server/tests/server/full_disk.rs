//! The disk of the bytes is full (fault 20 of the matrix): refused, nothing lost, nothing
//! left behind, and everything again with room. The records are on another disk: what one
//! that is full does to them is tested with them.
//!
//! `scripts/test` says beforehand whether this machine can run these.

use crate::PROGRAM;
use crate::steps::{Person, blobs_below, bytes_of, sha256, slug};
use api_conformance::eventually::eventually;
use api_conformance::fixture::{Fixture, Started};
use api_conformance::form::Upload;
use api_conformance::resources::{a_full_disk_loses_nothing, on_a_small_disk};
use api_conformance::target::Way;
use api_contract::uploads::headers;
use http::StatusCode;
use std::path::PathBuf;
use std::time::Duration;

/// Longer than the janitor's shortest grace, after which it looks twice.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of the 3 MB that there are, so much is taken by a file, and so much is then too much:
/// both at once do not fit. Its pieces and the file that they become do, without the other.
const KEPT: usize = 2_000_000;
const PIECES: usize = 1_400_000;

async fn started(fixture: &Fixture) -> anyhow::Result<Option<Started>> {
    let records = fixture.folder().join("records.sqlite");
    let url = format!("sqlite://{}?mode=rwc", records.display());
    let flags =
        ["--design", "token", "--database-url", &url, "--orphan-grace-ms", "20000"];
    on_a_small_disk(fixture, PROGRAM, Way::Token, &flags).await
}

/// The folder of blobs, as this process sees what only the server's own can.
fn blobs_of(started: &Started, fixture: &Fixture) -> PathBuf {
    let seen = PathBuf::from(format!("/proc/{}/root", started.server.pid()));
    let data = fixture.data_dir();
    seen.join(data.strip_prefix("/").unwrap_or(&data)).join("blobs")
}

async fn only_files_are_left(
    alice: &Person,
    (started, fixture): (&Started, &Fixture),
) -> anyhow::Result<()> {
    let mut files = alice.files().await?;
    files.iter_mut().for_each(|id| id.insert_str(0, "files/main/"));
    files.sort();
    let folder = blobs_of(started, fixture);
    anyhow::ensure!(!blobs_below(&folder).is_empty(), "its disk cannot be seen");
    eventually(PATIENCE, "nothing but files is left", async || {
        Ok((blobs_below(&folder) == files).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_acknowledged_and_keeps_nothing_else()
-> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let Some(started) = started(&fixture).await? else { return Ok(()) };
    a_full_disk_loses_nothing(&started).await?;
    let alice = Person::alice(&started).await?;
    only_files_are_left(&alice, (&started, &fixture)).await
}

#[tokio::test]
async fn a_piece_that_a_full_disk_does_not_take_is_refused_and_goes_on_with_room()
-> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let Some(started) = started(&fixture).await? else { return Ok(()) };
    let alice = Person::alice(&started).await?;
    let most = Upload::of_size("most", KEPT);
    let kept = alice.client.upload(&alice.proof, &most).await.done()?.body.file_id;
    let bytes = bytes_of(PIECES);
    let path = alice.create("pieces", PIECES).await?;
    let refused = alice.append(&path, 0, &bytes).await?;
    assert_eq!(refused.status, StatusCode::INSUFFICIENT_STORAGE, "{}", slug(&refused));
    assert!(refused.header("retry-after").is_some());
    let offset = alice.offset(&path).await?;
    assert!(offset < PIECES, "{offset} bytes are there");
    assert_eq!(alice.files().await?, [kept.as_str()]);
    assert_eq!(alice.hash_of(&kept).await?, sha256(&most.bytes), "reading goes on");
    alice.client.delete(&alice.proof, &kept).await.done()?;
    let rest = alice.append(&path, offset, &bytes[offset..]).await?;
    assert_eq!(rest.status, StatusCode::NO_CONTENT, "with room: {}", slug(&rest));
    let file = rest.header(headers::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file).await?, sha256(&bytes));
    only_files_are_left(&alice, (&started, &fixture)).await
}
