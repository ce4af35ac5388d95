//! Settings and failures that only SQLite has.

use crate::seed::{add_accounts, audited_requests, in_org_of, write};
use crate::store::Store;
use records::{PoolLimits, Records, RecordsError, Scope};
use sqlx::{Connection, Executor};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

#[tokio::test]
async fn acknowledged_row_is_synced_to_disk() {
    let store = Store::sqlite().await;
    let settings = store.records.run(Scope::Housekeeping, |tx| {
        Box::pin(async move {
            let mode: String =
                sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *tx).await?;
            let sync: i64 =
                sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *tx).await?;
            let keys: i64 =
                sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(tx).await?;
            Ok((mode, sync, keys))
        })
    });
    const FULL: i64 = 2;
    assert_eq!(settings.await.unwrap(), ("wal".to_owned(), FULL, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_on_one_file_lose_no_row() {
    let store = Store::sqlite().await;
    add_accounts(&store).await;
    let mut writers = JoinSet::new();
    for (replica, records) in store.three().await.into_iter().enumerate() {
        for writer in 0..10 {
            let records = records.clone();
            writers.spawn(async move {
                for row in 0..10 {
                    write(&records, &format!("{replica}-{writer}-{row}")).await.unwrap();
                }
            });
        }
    }
    writers.join_all().await;
    let mut rows = audited_requests(&store.records).await;
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), 300);
}

#[tokio::test]
async fn full_disk_is_reported_and_writes_resume_afterwards() {
    let store = Store::sqlite().await;
    add_accounts(&store).await;
    write(&store.records, "before").await.unwrap();
    let full = store.records.run(in_org_of("alice"), |tx| {
        Box::pin(async move {
            // The file may not grow, which SQLite reports like a full disk.
            tx.execute("PRAGMA max_page_count = 1").await?;
            let row = "INSERT INTO organisations VALUES (hex(randomblob(1000000)), 1)";
            Ok(tx.execute(row).await.map(drop)?)
        })
    });
    let error = full.await.unwrap_err();
    assert!(matches!(error, RecordsError::NoSpace(_)), "{error:?}");
    assert_eq!(audited_requests(&store.records).await, ["before"]);
    // The limit was on that connection only: there is space again.
    write(&store.records, "after").await.unwrap();
    assert_eq!(audited_requests(&store.records).await, ["after", "before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_file_is_unavailable_until_it_is_released() {
    let store = Store::sqlite().await;
    add_accounts(&store).await;
    let mut other = store.owner().await;
    let tx = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let began = Instant::now();
    let error = write(&store.records, "refused").await.unwrap_err();
    assert!(matches!(error, RecordsError::Unavailable(_)), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    tx.rollback().await.unwrap();
    write(&store.records, "taken").await.unwrap();
    assert_eq!(audited_requests(&store.records).await, ["taken"]);
}

#[tokio::test]
async fn server_does_not_create_a_missing_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.sqlite");
    let url = format!("sqlite://{}", path.display());
    Records::open(&url, PoolLimits::default()).await.unwrap_err();
    assert!(!path.exists());
}
