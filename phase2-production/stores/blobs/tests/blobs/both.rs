//! Common behaviour of a directory and a bucket.

use crate::support::{
    TestStore, bytes_of, chunks, collect, eventually, failing_after, files, read,
};
use blobs::{BlobError, Blobs, ReserveError};
use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use std::io;
use std::time::Duration;
use upload_domain::hex::hex;

macro_rules! on_both {
    ($($name:ident)*) => { $(
        mod $name {
            #[tokio::test]
            async fn in_a_folder() {
                super::$name(crate::support::folder().await).await;
            }

            #[tokio::test]
            async fn in_a_bucket() {
                super::$name(crate::support::bucket().await).await;
            }
        }
    )* };
}

on_both! {
    stored_bytes_read_back_unchanged
    every_range_of_a_blob_is_readable
    put_beyond_the_limit_leaves_no_bytes
    failed_stream_leaves_no_bytes
    dropped_put_leaves_no_bytes
    delete_is_idempotent
    copy_is_independent_of_the_original
    list_omits_young_blobs
    copy_has_age_zero
    parallel_janitors_do_not_conflict
    ping_succeeds_on_a_working_store
    store_belongs_to_its_first_deployment
    concurrent_deployments_reserve_a_store_once
    exchanged_store_is_noticed
}

/// Sizes around every limit: empty, a chunk, a part on disk, a part for S3, two of them.
async fn stored_bytes_read_back_unchanged(store: TestStore) {
    for size in [0, 1, 131_071, 131_072, 131_073, 5 << 20, (5 << 20) + 1, 11_000_003] {
        let bytes = bytes_of(size);
        let key = format!("files/main/{size}");
        let put = store.blobs.put(&key, chunks(&bytes), 11_000_003).await.unwrap();
        assert_eq!(put.size, size as u64);
        assert_eq!(put.sha256, hex(&Sha256::digest(&bytes)));
        assert_eq!(store.blobs.size(&key).await.unwrap(), size as u64);
        assert!(read(&store.blobs, &key).await == bytes, "of {size} bytes");
    }
}

async fn every_range_of_a_blob_is_readable(store: TestStore) {
    let bytes = bytes_of(200_000);
    store.blobs.put("files/main/a", chunks(&bytes), 200_000).await.unwrap();
    for range in [0..1, 0..200_000, 65_535..65_537, 199_999..200_000, 5..5] {
        let part = store.blobs.get("files/main/a", Some(range.clone())).await.unwrap();
        let (first, last) = (range.start as usize, range.end as usize);
        assert!(collect(part).await == bytes[first..last], "{range:?}");
    }
    let missing = store.blobs.get("files/main/b", None).await;
    assert!(matches!(missing.err(), Some(BlobError::NotFound)));
    assert!(matches!(store.blobs.size("files/main/b").await, Err(BlobError::NotFound)));
}

async fn put_beyond_the_limit_leaves_no_bytes(store: TestStore) {
    for size in [10, 6 << 20] {
        let put =
            store.blobs.put("files/main/a", chunks(&bytes_of(size)), size as u64 - 1);
        let refused = put.await.unwrap_err();
        assert!(
            matches!(refused, BlobError::TooLarge { limit } if limit == size as u64 - 1)
        );
        assert_is_empty(&store).await;
    }
}

async fn failed_stream_leaves_no_bytes(store: TestStore) {
    for size in [10, 6 << 20] {
        let refused =
            store.blobs.put("files/main/a", failing_after(size), u64::MAX).await;
        assert!(matches!(refused, Err(BlobError::BrokenBody(_))));
        assert_is_empty(&store).await;
    }
}

/// A client that disconnects drops its handler at any point.
async fn dropped_put_leaves_no_bytes(store: TestStore) {
    for size in [10, 6 << 20] {
        let endless = chunks(&bytes_of(size)).chain(stream::pending());
        let put = store.blobs.put("files/main/a", endless, u64::MAX);
        let given_up = tokio::time::timeout(Duration::from_millis(300), put).await;
        assert!(given_up.is_err());
        assert_is_empty(&store).await;
    }
    for micros in (0..20_000).step_by(700) {
        let (blobs, small) = (store.blobs.clone(), bytes_of(1_000));
        let put = tokio::spawn(async move {
            blobs.put("files/main/a", chunks(&small), 1_000).await
        });
        tokio::time::sleep(Duration::from_micros(micros)).await;
        put.abort();
        if let Ok(Ok(_in_time)) = put.await {
            store.blobs.delete("files/main/a").await.unwrap();
        }
        assert_is_empty(&store).await;
    }
}

async fn delete_is_idempotent(store: TestStore) {
    store.blobs.put("files/main/a", chunks(b"a"), 1).await.unwrap();
    for _ in 0..2 {
        store.blobs.delete("files/main/a").await.unwrap();
        let gone = store.blobs.size("files/main/a").await;
        assert!(matches!(gone, Err(BlobError::NotFound)));
    }
}

async fn copy_is_independent_of_the_original(store: TestStore) {
    store.blobs.put("incoming/main/a", chunks(b"first"), 10).await.unwrap();
    store.blobs.copy("incoming/main/a", "files/main/a").await.unwrap();
    store.blobs.put("incoming/main/a", chunks(b"second"), 10).await.unwrap();
    assert_eq!(read(&store.blobs, "files/main/a").await, b"first");
    store.blobs.delete("incoming/main/a").await.unwrap();
    assert_eq!(read(&store.blobs, "files/main/a").await, b"first");
    let missing = store.blobs.copy("incoming/main/a", "files/main/b").await;
    assert!(matches!(missing, Err(BlobError::NotFound)), "{missing:?}");
}

async fn list_omits_young_blobs(store: TestStore) {
    for key in ["files/main/a", "files/main/b", "files-too/main/c"] {
        store.blobs.put(key, chunks(b"x"), 1).await.unwrap();
    }
    assert_eq!(old(&store.blobs, Duration::from_secs(60)).await, [""; 0]);
    eventually("two blobs are a second old", async || {
        old(&store.blobs, Duration::from_secs(1)).await
            == ["files/main/a", "files/main/b"]
    })
    .await;
}

/// Independent of the age of the original, because the upload that copies has not
/// committed yet.
async fn copy_has_age_zero(store: TestStore) {
    store.blobs.put("incoming/main/a", chunks(b"x"), 1).await.unwrap();
    eventually("the original is a second old", async || {
        old_below(&store.blobs, "incoming", SECOND).await == ["incoming/main/a"]
    })
    .await;
    store.blobs.copy("incoming/main/a", "files/main/a").await.unwrap();
    assert_eq!(old(&store.blobs, SECOND).await, [""; 0]);
}

async fn parallel_janitors_do_not_conflict(store: TestStore) {
    for n in 0..30 {
        let key = format!("files/main/{n}");
        store.blobs.put(&key, chunks(b"x"), 1).await.unwrap();
    }
    let janitor = async || {
        let mut found = store.blobs.list_older_than("files", Duration::ZERO);
        while let Some(old) = found.try_next().await? {
            store.blobs.delete(&old.key).await?;
        }
        Ok::<_, BlobError>(())
    };
    eventually("all are old enough to be seen", async || {
        old(&store.blobs, Duration::ZERO).await.len() == 30
    })
    .await;
    let (a, b, c) = tokio::join!(janitor(), janitor(), janitor());
    assert!(a.is_ok() && b.is_ok() && c.is_ok(), "{a:?} {b:?} {c:?}");
    assert_eq!(old(&store.blobs, Duration::ZERO).await, [""; 0]);
}

async fn ping_succeeds_on_a_working_store(store: TestStore) {
    store.blobs.ping().await.unwrap();
}

const SECOND: Duration = Duration::from_secs(1);

/// All keys below `files` that are at least `age` old, sorted.
async fn old(blobs: &Blobs, age: Duration) -> Vec<String> {
    old_below(blobs, "files", age).await
}

async fn old_below(blobs: &Blobs, prefix: &str, age: Duration) -> Vec<String> {
    let found: Vec<_> = blobs.list_older_than(prefix, age).try_collect().await.unwrap();
    let mut keys: Vec<_> = found.into_iter().map(|old| old.key).collect();
    keys.sort();
    keys
}

/// Waits until no blob and no part of one remains: an upload that was dropped in its last
/// step may still complete and then be removed. Ignores the S3 server's own metadata.
async fn assert_is_empty(store: &TestStore) {
    eventually("no bytes remain", async || {
        let bytes =
            files(store.folder.path()).into_iter().find(|name| !name.ends_with(".json"));
        let missing = store.blobs.size("files/main/a").await;
        bytes.is_none()
            && old(&store.blobs, Duration::ZERO).await.is_empty()
            && matches!(missing, Err(BlobError::NotFound))
    })
    .await;
}

/// The janitor of a second deployment would find no row for the blobs of the first.
async fn store_belongs_to_its_first_deployment(store: TestStore) {
    for _replica in 0..2 {
        store.blobs.reserve("first").await.unwrap();
        let refused = store.blobs.reserve("second").await.unwrap_err();
        let ReserveError::Owned { owner, deployment } = &refused else {
            panic!("{refused}");
        };
        assert_eq!((owner.as_str(), deployment.as_str()), ("first", "second"));
    }
    assert!(old(&store.blobs, Duration::ZERO).await.is_empty(), "no blob of a user");
}

async fn concurrent_deployments_reserve_a_store_once(store: TestStore) {
    let ids: Vec<_> = (0..8).map(|id| id.to_string()).collect();
    let all = ids.iter().map(|id| store.blobs.reserve(id));
    let all = futures_util::future::join_all(all).await;
    assert_eq!(all.iter().filter(|reserved| reserved.is_ok()).count(), 1, "{all:?}");
}

/// As if the disk was unmounted, or the address led to the store of another deployment.
async fn exchanged_store_is_noticed(store: TestStore) {
    store.blobs.check_owner().await.unwrap();
    store.blobs.reserve("first").await.unwrap();
    store.blobs.ping().await.unwrap();
    store.blobs.delete(".deployment").await.unwrap();
    for _other in 0..2 {
        let noticed = store.blobs.ping().await.unwrap_err();
        assert!(matches!(noticed, BlobError::AnotherStore), "{noticed}");
        store.blobs.put(".deployment", chunks(b"second"), 6).await.unwrap();
    }
}

#[tokio::test]
async fn stream_error_reaches_the_caller() {
    let store = crate::support::folder().await;
    let refused =
        store.blobs.put("files/main/a", failing_after(5), 10).await.unwrap_err();
    let BlobError::BrokenBody(cause) = refused else {
        panic!("{refused}");
    };
    assert!(cause.downcast_ref::<io::Error>().is_some());
}
