//! What SQLite alone must be told, and what it does when it cannot go on.

use crate::seed::{in_org_of, people, write, written};
use crate::store::Store;
use records::{PoolLimits, Records, RecordsError, Scope};
use sqlx::{Connection, Executor};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

#[tokio::test]
async fn an_acknowledged_row_is_on_the_disk() {
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
async fn three_replicas_on_one_file_lose_nothing() {
    let store = Store::sqlite().await;
    people(&store).await;
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
    let mut rows = written(&store.records).await;
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), 300);
}

#[tokio::test]
async fn a_disk_that_is_full_is_said_to_be_full_and_all_goes_on_when_it_is_not() {
    let store = Store::sqlite().await;
    people(&store).await;
    write(&store.records, "before").await.unwrap();
    let full = store.records.run(in_org_of("alice"), |tx| {
        Box::pin(async move {
            // The file may not grow: for SQLite the same as a full disk.
            tx.execute("PRAGMA max_page_count = 1").await?;
            let row = "INSERT INTO organisations VALUES (hex(randomblob(1000000)), 1)";
            Ok(tx.execute(row).await.map(drop)?)
        })
    });
    let error = full.await.unwrap_err();
    assert!(matches!(error, RecordsError::NoSpace(_)), "{error:?}");
    assert_eq!(written(&store.records).await, ["before"]);
    // There is space again.
    write(&store.records, "after").await.unwrap();
    assert_eq!(written(&store.records).await, ["after", "before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_program_locks_is_unavailable_and_comes_back() {
    let store = Store::sqlite().await;
    people(&store).await;
    let mut other = store.owner().await;
    let tx = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let began = Instant::now();
    let error = write(&store.records, "refused").await.unwrap_err();
    assert!(matches!(error, RecordsError::Unavailable(_)), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    tx.rollback().await.unwrap();
    write(&store.records, "taken").await.unwrap();
    assert_eq!(written(&store.records).await, ["taken"]);
}

#[tokio::test]
async fn a_file_that_is_missing_is_not_made_by_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.sqlite");
    let url = format!("sqlite://{}", path.display());
    Records::open(&url, PoolLimits::default()).await.unwrap_err();
    assert!(!path.exists());
}
