//! The server decides how many parts an upload has, and how many of them one transaction
//! changes.

use crate::account_client::{AccountClient, blobs, bytes_of, slug};
use crate::stores::{StoreKind, TestStores};
use anyhow::ensure;
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::uploads::headers as names;
use client::digest::sha256;
use http::{Method, StatusCode};
use sqlx::{Connection, SqliteConnection};

/// Enough rows for several transactions of a deletion.
const MANY_PARTS: i64 = 3_500;

/// Four hundred requests with one byte each; later bytes come in larger pieces.
#[tokio::test]
async fn pieces_of_one_byte_are_merged() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let server = stores.replica("token", &[]).await?;
    let alice = AccountClient::alice(&server).await?;
    let bytes = bytes_of(1_000);
    let path = alice.create("a", bytes.len()).await?;
    for offset in 0..400 {
        let reply = alice.append(&path, offset, &bytes[offset..=offset]).await?;
        ensure!(reply.status == StatusCode::NO_CONTENT, "{}", slug(&reply));
        if offset % 50 == 0 {
            let parts = blobs(&stores.fixture).len();
            ensure!(parts <= 20, "{parts} parts for {offset} bytes");
        }
    }
    let few = async || {
        let parts = blobs(&stores.fixture).len();
        Ok((parts <= 20).then_some(()))
    };
    eventually(PROCESS_TIMEOUT, "few parts", few).await?;
    let last = alice.append(&path, 400, &bytes[400..]).await?;
    let file_id = last.header(names::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file_id).await?, sha256(&bytes));
    let only = vec![format!("files/main/{file_id}")];
    let cleared = async || Ok((blobs(&stores.fixture) == only).then_some(()));
    eventually(PROCESS_TIMEOUT, "only the file to remain", cleared).await
}

/// Pieces of 64, 63, … 1 bytes, twice. Unmerged, they would be 128 files.
#[tokio::test]
async fn pieces_of_falling_size_are_merged() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let server = stores.replica("token", &[]).await?;
    let alice = AccountClient::alice(&server).await?;
    let sizes: Vec<usize> = (1..=64).rev().chain((1..=64).rev()).collect();
    let bytes = bytes_of(sizes.iter().sum::<usize>() + 1);
    let path = alice.create("a", bytes.len()).await?;
    let mut offset = 0;
    for size in sizes {
        let piece = &bytes[offset..offset + size];
        let reply = alice.append(&path, offset, piece).await?;
        ensure!(reply.status == StatusCode::NO_CONTENT, "{}", slug(&reply));
        offset += size;
    }
    let parts = blobs(&stores.fixture).len();
    ensure!(parts <= 20, "{parts} parts for {offset} bytes");
    let last = alice.append(&path, offset, &bytes[offset..]).await?;
    let file_id = last.header(names::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file_id).await?, sha256(&bytes));
    Ok(())
}

/// Writes parts as an older program stored them, one for each byte.
async fn add_rows(stores: &TestStores, path: &str, size: i64) -> anyhow::Result<()> {
    let id = path.rsplit('/').next().unwrap_or_default();
    let file = stores.fixture.data_dir().join("records.sqlite");
    let rows = SqliteConnection::connect(&format!("sqlite://{}", file.display()));
    let rows = &mut rows.await?;
    sqlx::query("PRAGMA busy_timeout = 5000").execute(&mut *rows).await?;
    sqlx::query(
        "WITH RECURSIVE at (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM at \
         WHERE n + 1 < $2) INSERT INTO upload_parts \
         (upload_id, organisation, starts_at, size, blob_key) \
         SELECT $1, 'main', n, 1, 'parts/main/' || $1 || '-' || n FROM at",
    )
    .bind(id)
    .bind(size)
    .execute(&mut *rows)
    .await?;
    sqlx::query("UPDATE uploads SET received = $2 WHERE upload_id = $1")
        .bind(id)
        .bind(size)
        .execute(&mut *rows)
        .await?;
    Ok(())
}

async fn rows_left(stores: &TestStores) -> anyhow::Result<(i64, i64)> {
    let file = stores.fixture.data_dir().join("records.sqlite");
    let url = format!("sqlite://{}", file.display());
    let mut rows = SqliteConnection::connect(&url).await?;
    let count = "SELECT (SELECT COUNT(*) FROM upload_parts), \
                 (SELECT COUNT(*) FROM uploads)";
    Ok(sqlx::query_as(count).fetch_one(&mut rows).await?)
}

/// The owner, and the janitor after the expiry, remove an upload with more parts than one
/// transaction may change. The long form has as many rows as a client can make.
async fn removes_many_parts(parts: i64) -> anyhow::Result<()> {
    let flags = ["--quota", "1000000", "--upload-life-ms", "20000"];
    for by_owner in [true, false] {
        let stores = TestStores::new(StoreKind::Embedded, false).await?;
        let flags = if by_owner { &flags[..2] } else { &flags[..] };
        let server = stores.replica("token", flags).await?;
        let alice = AccountClient::alice(&server).await?;
        let path = alice.create("a", 600_000).await?;
        add_rows(&stores, &path, parts).await?;
        if by_owner {
            let gone = alice.client.send(alice.tus(Method::DELETE, &path)).await?;
            ensure!(gone.status == StatusCode::NO_CONTENT, "{}", slug(&gone));
        }
        let removed = async || {
            if !by_owner {
                // A new replica sweeps at its start.
                let _janitor = stores.replica("token", flags).await?;
            }
            Ok((rows_left(&stores).await? == (0, 0)).then_some(()))
        };
        eventually(PROCESS_TIMEOUT * 3, "no rows", removed).await?;
        let status = alice.head(&path).await?.status;
        ensure!([StatusCode::NOT_FOUND, StatusCode::GONE].contains(&status), "{status}");
        alice.create("b", 600_000).await?;
    }
    Ok(())
}

#[tokio::test]
async fn upload_with_many_parts_is_removed_in_batches() -> anyhow::Result<()> {
    removes_many_parts(MANY_PARTS).await
}

#[tokio::test]
#[ignore = "takes minutes: run it at night"]
async fn upload_with_half_a_million_parts_is_removed() -> anyhow::Result<()> {
    removes_many_parts(500_000).await
}
