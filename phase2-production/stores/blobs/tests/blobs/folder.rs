//! Behaviour of a directory only.

use crate::support::{bytes_of, chunks, eventually, files, folder};
use blobs::{Blobs, BlobsConfig, OpenError};
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, stream};
use std::fs;
use std::io;
use std::time::Duration;

#[tokio::test]
async fn unusable_directory_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let occupied = folder.path().join("a-file");
    fs::write(&occupied, "").unwrap();
    let refused = Blobs::open(BlobsConfig::Local(occupied.clone())).await.unwrap_err();
    assert!(matches!(&refused, OpenError::Folder { path, .. } if *path == occupied));
    assert!(refused.to_string().contains("--data-dir"));
}

#[tokio::test]
async fn directory_signs_no_urls() {
    let store = folder().await;
    let url = store.blobs.presign_put("incoming/main/a", Duration::from_secs(60)).await;
    assert_eq!(url.unwrap(), None);
}

#[tokio::test]
async fn ping_fails_on_a_missing_directory() {
    let store = folder().await;
    fs::remove_dir_all(store.folder.path().join("blobs")).unwrap();
    assert!(store.blobs.ping().await.is_err());
}

/// A killed process may leave the directory of its probe, which must not hide a read-only disk.
#[tokio::test]
async fn ping_removes_a_probe_that_was_left() {
    let store = folder().await;
    let probe = store.folder.path().join("blobs/.probe");
    fs::create_dir(&probe).unwrap();
    store.blobs.ping().await.unwrap();
    assert!(!probe.exists());
}

/// `kill -9` during an upload leaves a temporary file that is not listed.
#[tokio::test]
async fn temporary_file_of_killed_upload_is_removed_when_old() {
    let store = folder().await;
    store.blobs.put("files/main/whole", chunks(b"x"), 1).await.unwrap();
    let draft = store.folder.path().join("blobs/files/main/half#1");
    fs::write(&draft, "half").unwrap();
    assert_eq!(store.blobs.remove_drafts(Duration::from_secs(60)).await.unwrap(), 0);
    assert!(draft.exists());
    eventually("the draft is half a second old", async || {
        store.blobs.remove_drafts(Duration::from_millis(500)).await.unwrap() == 1
    })
    .await;
    assert_eq!(files(store.folder.path()), ["blobs/files/main/whole"]);
}

/// The slowest body that the server allows brings a byte now and then. Its bytes reach the
/// disk all the same, so that the draft does not look like one of a killed upload.
#[tokio::test]
async fn draft_of_slow_upload_is_kept() {
    let store = folder().await;
    let slow = stream::iter(0..40).then(async |number| {
        if number == 0 {
            return Ok::<_, io::Error>(Bytes::from(bytes_of(200_000)));
        }
        tokio::time::sleep(Duration::from_millis(350)).await;
        Ok(Bytes::from_static(b"x"))
    });
    let put = store.blobs.put("files/main/slow", Box::pin(slow), u64::MAX);
    let janitor = async {
        loop {
            let removed = store.blobs.remove_drafts(Duration::from_secs(12)).await;
            assert_eq!(removed.unwrap(), 0, "a draft in use was removed");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::select! {
        put = put => assert_eq!(put.unwrap().size, 200_039),
        () = janitor => {}
    }
}

/// Each upload has its own part in memory; the limit holds for all of them together.
#[tokio::test]
async fn parallel_uploads_hold_less_than_a_megabyte_each() {
    let store = folder().await;
    let before = peak_memory();
    let chunk = bytes::Bytes::from(bytes_of(64 * 1024));
    let uploads = (0..64).map(|n| {
        let (blobs, chunk) = (store.blobs.clone(), chunk.clone());
        let chunks = (0..64).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
        let key = format!("files/main/{n}");
        async move { blobs.put(&key, futures_util::stream::iter(chunks), u64::MAX).await }
    });
    let puts = try_join_all(uploads).await.unwrap();
    assert!(puts.iter().all(|put| put.size == 4 << 20));
    let grown = peak_memory() - before;
    assert!(grown < 64 << 20, "{} MiB more than before", grown >> 20);
}

/// The peak memory of this process, in bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
