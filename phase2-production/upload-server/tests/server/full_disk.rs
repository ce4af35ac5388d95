//! A full disk below the blobs (fault 20 of docs/failover.md): the server refuses
//! uploads, loses no acknowledged file, leaves no partial blobs, and works again once
//! there is space. The database is on another disk; the tests of `records` cover a full
//! one.
//!
//! `scripts/test` checks beforehand that this machine can run these tests.

use crate::PROGRAM;
use crate::account_client::{AccountClient, blobs_below, bytes_of, slug};
use api_conformance::eventually::eventually;
use api_conformance::fixture::{Fixture, Started};
use api_conformance::resources::{full_disk_loses_no_acknowledged_file, on_a_small_disk};
use api_contract::uploads::headers;
use client::digest::sha256;
use client::{AuthScheme, Upload};
use http::StatusCode;
use std::path::PathBuf;
use std::time::Duration;

/// Timeout for the garbage collection: longer than the shortest grace period, after which
/// the janitor runs twice.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of the stored file. The disk has 3 MB, so the file and the upload do not fit
/// together; the parts and the file assembled from them do.
const STORED_SIZE: usize = 2_000_000;

/// Bytes of the resumable upload.
const UPLOAD_SIZE: usize = 1_400_000;

async fn started(fixture: &Fixture) -> anyhow::Result<Option<Started>> {
    let records = fixture.folder().join("records.sqlite");
    let url = format!("sqlite://{}?mode=rwc", records.display());
    let flags =
        ["--design", "token", "--database-url", &url, "--orphan-grace-ms", "30000"];
    on_a_small_disk(fixture, PROGRAM, AuthScheme::Token, &flags).await
}

/// The folder of blobs, reached through `/proc`: only the server's mount namespace has
/// this disk.
fn blobs_of(started: &Started, fixture: &Fixture) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", started.server.pid()));
    let data = fixture.data_dir();
    root.join(data.strip_prefix("/").unwrap_or(&data)).join("blobs")
}

async fn only_files_remain(
    alice: &AccountClient,
    (started, fixture): (&Started, &Fixture),
) -> anyhow::Result<()> {
    let mut files = alice.files().await?;
    files.iter_mut().for_each(|id| id.insert_str(0, "files/main/"));
    files.sort();
    let folder = blobs_of(started, fixture);
    anyhow::ensure!(
        !blobs_below(&folder).is_empty(),
        "the disk of the server is not visible"
    );
    eventually(CLEANUP_TIMEOUT, "no blobs besides the files", async || {
        Ok((blobs_below(&folder) == files).then_some(()))
    })
    .await
}

#[tokio::test]
async fn full_disk_keeps_acknowledged_files_and_nothing_else() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let Some(started) = started(&fixture).await? else { return Ok(()) };
    full_disk_loses_no_acknowledged_file(&started).await?;
    let alice = AccountClient::alice(&started).await?;
    only_files_remain(&alice, (&started, &fixture)).await
}

#[tokio::test]
async fn upload_part_refused_by_a_full_disk_resumes_with_space() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let Some(started) = started(&fixture).await? else { return Ok(()) };
    let alice = AccountClient::alice(&started).await?;
    let large = Upload::of_size("large", STORED_SIZE);
    let stored =
        alice.client.upload(&alice.credential, &large).await.done()?.body.file_id;
    let bytes = bytes_of(UPLOAD_SIZE);
    let path = alice.create("parts", UPLOAD_SIZE).await?;
    let refused = alice.append(&path, 0, &bytes).await?;
    assert_eq!(refused.status, StatusCode::INSUFFICIENT_STORAGE, "{}", slug(&refused));
    assert!(refused.header("retry-after").is_some());
    let offset = alice.offset(&path).await?;
    assert!(offset < UPLOAD_SIZE, "{offset} bytes are stored");
    assert_eq!(alice.files().await?, [stored.as_str()]);
    assert_eq!(
        alice.hash_of(&stored).await?,
        sha256(&large.bytes),
        "reading on a full disk"
    );
    alice.client.delete(&alice.credential, &stored).await.done()?;
    let rest = alice.append(&path, offset, &bytes[offset..]).await?;
    assert_eq!(rest.status, StatusCode::NO_CONTENT, "with free space: {}", slug(&rest));
    let file = rest.header(headers::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file).await?, sha256(&bytes));
    only_files_remain(&alice, (&started, &fixture)).await
}
