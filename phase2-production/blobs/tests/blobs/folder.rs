//! Only a folder.

use crate::support::{bytes_of, chunks, eventually, files, folder};
use blobs::{Blobs, BlobsConfig, OpenError};
use futures_util::future::try_join_all;
use std::fs;
use std::time::Duration;

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let occupied = folder.path().join("a-file");
    fs::write(&occupied, "").unwrap();
    let refused = Blobs::open(BlobsConfig::Local(occupied.clone())).await.unwrap_err();
    assert!(matches!(&refused, OpenError::Folder { path, .. } if *path == occupied));
    assert!(refused.to_string().contains("--data-dir"));
}

#[tokio::test]
async fn a_folder_signs_no_urls() {
    let rig = folder().await;
    let url = rig.blobs.presign_put("incoming/main/a", Duration::from_secs(60)).await;
    assert_eq!(url.unwrap(), None);
}

#[tokio::test]
async fn a_folder_that_is_gone_does_not_answer() {
    let rig = folder().await;
    fs::remove_dir_all(rig.folder.path().join("blobs")).unwrap();
    assert!(rig.blobs.ping().await.is_err());
}

/// What a `kill -9` leaves is a name that no listing shows.
#[tokio::test]
async fn what_a_killed_upload_leaves_is_cleared_away_when_it_is_old() {
    let rig = folder().await;
    rig.blobs.put("files/main/whole", chunks(b"x"), 1).await.unwrap();
    let draft = rig.folder.path().join("blobs/files/main/half#1");
    fs::write(&draft, "half").unwrap();
    assert_eq!(rig.blobs.remove_drafts(Duration::from_secs(60)).await.unwrap(), 0);
    assert!(draft.exists());
    eventually("the draft is half a second old", async || {
        rig.blobs.remove_drafts(Duration::from_millis(500)).await.unwrap() == 1
    })
    .await;
    assert_eq!(files(rig.folder.path()), ["blobs/files/main/whole"]);
}

/// Each with a part of its own in memory; the limit is what all of them may take.
#[tokio::test]
async fn sixty_four_uploads_at_once_hold_less_than_a_megabyte_each() {
    let rig = folder().await;
    let before = peak_memory();
    let chunk = bytes::Bytes::from(bytes_of(64 * 1024));
    let uploads = (0..64).map(|n| {
        let (blobs, chunk) = (rig.blobs.clone(), chunk.clone());
        let chunks = (0..64).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
        let key = format!("files/main/{n}");
        async move { blobs.put(&key, futures_util::stream::iter(chunks), u64::MAX).await }
    });
    let puts = try_join_all(uploads).await.unwrap();
    assert!(puts.iter().all(|put| put.size == 4 << 20));
    let grown = peak_memory() - before;
    assert!(grown < 64 << 20, "{} MiB more than before", grown >> 20);
}

/// The most memory this process has ever had, in bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
