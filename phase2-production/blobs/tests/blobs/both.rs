//! What a folder and a bucket have in common.

use crate::support::{Rig, broken, bytes_of, chunks, collect, eventually, files, read};
use blobs::{BlobError, Blobs};
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
    what_is_put_comes_back
    any_range_of_a_blob_can_be_read
    a_put_beyond_the_limit_leaves_nothing
    a_put_that_breaks_off_leaves_nothing
    a_put_that_nobody_waits_for_leaves_nothing
    a_blob_is_deleted_as_often_as_one_likes
    a_copy_has_a_life_of_its_own
    a_young_blob_is_not_listed
    a_copy_is_young
    several_janitors_are_as_good_as_one
    a_store_that_is_there_answers
}

/// Around every size at which something changes: nothing, a chunk, a part on disk, a part
/// for S3, two of them.
async fn what_is_put_comes_back(rig: Rig) {
    for size in [0, 1, 131_071, 131_072, 131_073, 5 << 20, (5 << 20) + 1, 11_000_003] {
        let bytes = bytes_of(size);
        let key = format!("files/main/{size}");
        let put = rig.blobs.put(&key, chunks(&bytes), 11_000_003).await.unwrap();
        assert_eq!(put.size, size as u64);
        assert_eq!(put.sha256, hex(&Sha256::digest(&bytes)));
        assert_eq!(rig.blobs.size(&key).await.unwrap(), size as u64);
        assert!(read(&rig.blobs, &key).await == bytes, "of {size} bytes");
    }
}

async fn any_range_of_a_blob_can_be_read(rig: Rig) {
    let bytes = bytes_of(200_000);
    rig.blobs.put("files/main/a", chunks(&bytes), 200_000).await.unwrap();
    for range in [0..1, 0..200_000, 65_535..65_537, 199_999..200_000, 5..5] {
        let part = rig.blobs.get("files/main/a", Some(range.clone())).await.unwrap();
        let (first, last) = (range.start as usize, range.end as usize);
        assert!(collect(part).await == bytes[first..last], "{range:?}");
    }
    let missing = rig.blobs.get("files/main/b", None).await;
    assert!(matches!(missing.err(), Some(BlobError::NotFound)));
    assert!(matches!(rig.blobs.size("files/main/b").await, Err(BlobError::NotFound)));
}

async fn a_put_beyond_the_limit_leaves_nothing(rig: Rig) {
    for size in [10, 6 << 20] {
        let put = rig.blobs.put("files/main/a", chunks(&bytes_of(size)), size as u64 - 1);
        let refused = put.await.unwrap_err();
        assert!(
            matches!(refused, BlobError::TooLarge { limit } if limit == size as u64 - 1)
        );
        has_nothing(&rig).await;
    }
}

async fn a_put_that_breaks_off_leaves_nothing(rig: Rig) {
    for size in [10, 6 << 20] {
        let refused = rig.blobs.put("files/main/a", broken(size), u64::MAX).await;
        assert!(matches!(refused, Err(BlobError::BrokenBody(_))));
        has_nothing(&rig).await;
    }
}

/// A client that hangs up takes its handler with it, wherever that is.
async fn a_put_that_nobody_waits_for_leaves_nothing(rig: Rig) {
    for size in [10, 6 << 20] {
        let endless = chunks(&bytes_of(size)).chain(stream::pending());
        let put = rig.blobs.put("files/main/a", endless, u64::MAX);
        let given_up = tokio::time::timeout(Duration::from_millis(300), put).await;
        assert!(given_up.is_err());
        has_nothing(&rig).await;
    }
    for micros in (0..20_000).step_by(700) {
        let (blobs, small) = (rig.blobs.clone(), bytes_of(1_000));
        let put = tokio::spawn(async move {
            blobs.put("files/main/a", chunks(&small), 1_000).await
        });
        tokio::time::sleep(Duration::from_micros(micros)).await;
        put.abort();
        if let Ok(Ok(_in_time)) = put.await {
            rig.blobs.delete("files/main/a").await.unwrap();
        }
        has_nothing(&rig).await;
    }
}

async fn a_blob_is_deleted_as_often_as_one_likes(rig: Rig) {
    rig.blobs.put("files/main/a", chunks(b"a"), 1).await.unwrap();
    for _ in 0..2 {
        rig.blobs.delete("files/main/a").await.unwrap();
        let gone = rig.blobs.size("files/main/a").await;
        assert!(matches!(gone, Err(BlobError::NotFound)));
    }
}

async fn a_copy_has_a_life_of_its_own(rig: Rig) {
    rig.blobs.put("incoming/main/a", chunks(b"first"), 10).await.unwrap();
    rig.blobs.copy("incoming/main/a", "files/main/a").await.unwrap();
    rig.blobs.put("incoming/main/a", chunks(b"second"), 10).await.unwrap();
    assert_eq!(read(&rig.blobs, "files/main/a").await, b"first");
    rig.blobs.delete("incoming/main/a").await.unwrap();
    assert_eq!(read(&rig.blobs, "files/main/a").await, b"first");
    let missing = rig.blobs.copy("incoming/main/a", "files/main/b").await;
    assert!(matches!(missing, Err(BlobError::NotFound)), "{missing:?}");
}

async fn a_young_blob_is_not_listed(rig: Rig) {
    for key in ["files/main/a", "files/main/b", "files-too/main/c"] {
        rig.blobs.put(key, chunks(b"x"), 1).await.unwrap();
    }
    assert_eq!(old(&rig.blobs, Duration::from_secs(60)).await, [""; 0]);
    eventually("two blobs are a second old", async || {
        old(&rig.blobs, Duration::from_secs(1)).await == ["files/main/a", "files/main/b"]
    })
    .await;
}

/// However old what it was copied from is: whoever copies has not committed yet.
async fn a_copy_is_young(rig: Rig) {
    rig.blobs.put("incoming/main/a", chunks(b"x"), 1).await.unwrap();
    eventually("what is copied is a second old", async || {
        old_below(&rig.blobs, "incoming", SECOND).await == ["incoming/main/a"]
    })
    .await;
    rig.blobs.copy("incoming/main/a", "files/main/a").await.unwrap();
    assert_eq!(old(&rig.blobs, SECOND).await, [""; 0]);
}

async fn several_janitors_are_as_good_as_one(rig: Rig) {
    for n in 0..30 {
        let key = format!("files/main/{n}");
        rig.blobs.put(&key, chunks(b"x"), 1).await.unwrap();
    }
    let janitor = async || {
        let mut found = rig.blobs.list_older_than("files", Duration::ZERO);
        while let Some(old) = found.try_next().await? {
            rig.blobs.delete(&old.key).await?;
        }
        Ok::<_, BlobError>(())
    };
    eventually("all are old enough to be seen", async || {
        old(&rig.blobs, Duration::ZERO).await.len() == 30
    })
    .await;
    let (a, b, c) = tokio::join!(janitor(), janitor(), janitor());
    assert!(a.is_ok() && b.is_ok() && c.is_ok(), "{a:?} {b:?} {c:?}");
    assert_eq!(old(&rig.blobs, Duration::ZERO).await, [""; 0]);
}

async fn a_store_that_is_there_answers(rig: Rig) {
    rig.blobs.ping().await.unwrap();
}

const SECOND: Duration = Duration::from_secs(1);

/// All keys below `files` of some age, sorted.
async fn old(blobs: &Blobs, age: Duration) -> Vec<String> {
    old_below(blobs, "files", age).await
}

async fn old_below(blobs: &Blobs, prefix: &str, age: Duration) -> Vec<String> {
    let found: Vec<_> = blobs.list_older_than(prefix, age).try_collect().await.unwrap();
    let mut keys: Vec<_> = found.into_iter().map(|old| old.key).collect();
    keys.sort();
    keys
}

/// Neither a blob nor anything of one, soon: what was given up at its last step may still
/// come and be taken back. What an S3 server notes for itself is its own.
async fn has_nothing(rig: &Rig) {
    eventually("nothing is left", async || {
        let bytes =
            files(rig.folder.path()).into_iter().find(|name| !name.ends_with(".json"));
        let missing = rig.blobs.size("files/main/a").await;
        bytes.is_none()
            && old(&rig.blobs, Duration::ZERO).await.is_empty()
            && matches!(missing, Err(BlobError::NotFound))
    })
    .await;
}

#[tokio::test]
async fn an_error_of_the_caller_reaches_the_caller() {
    let rig = crate::support::folder().await;
    let refused = rig.blobs.put("files/main/a", broken(5), 10).await.unwrap_err();
    let BlobError::BrokenBody(cause) = refused else {
        panic!("{refused}");
    };
    assert!(cause.downcast_ref::<io::Error>().is_some());
}
