//! Only a bucket.

use crate::support::{BUCKET, bucket, bytes_of, eventually, keys, read, serve};
use blobs::{Blobs, BlobsConfig, OpenError};
use std::time::Duration;

#[tokio::test]
async fn a_wrong_url_a_wrong_key_and_a_wrong_name_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (endpoint, _server) = serve(folder.path()).await;
    let missing = Blobs::open(BlobsConfig::S3(keys(&endpoint, "the-secret"))).await;
    assert!(matches!(missing, Err(OpenError::Bucket { .. })));

    std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
    Blobs::open(BlobsConfig::S3(keys(&endpoint, "the-secret"))).await.unwrap();

    let forged = Blobs::open(BlobsConfig::S3(keys(&endpoint, "not-the-secret"))).await;
    assert!(matches!(forged, Err(OpenError::Bucket { .. })));
    let nobody = Blobs::open(BlobsConfig::S3(keys("http://127.0.0.1:9", "x"))).await;
    let said = nobody.unwrap_err().to_string();
    assert!(said.contains("http://127.0.0.1:9") && said.contains(BUCKET), "{said}");
}

#[tokio::test]
async fn a_secret_key_is_not_printed() {
    let printed = format!("{:?}", BlobsConfig::S3(keys("http://127.0.0.1:9", "CANARY")));
    assert!(!printed.contains("CANARY"));
}

/// No other key, no other method, no longer than promised.
#[tokio::test]
async fn a_signed_url_takes_what_it_was_signed_for_and_nothing_else() {
    let rig = bucket().await;
    let http = reqwest::Client::new();
    let bytes = bytes_of(10_000);
    let sign = async |life| {
        rig.blobs.presign_put("incoming/main/a", life).await.unwrap().unwrap()
    };
    let put = async |url: url::Url| {
        http.put(url).body(bytes.clone()).send().await.unwrap().status().as_u16()
    };
    let url = sign(Duration::from_secs(60)).await;
    let mut elsewhere = url.clone();
    elsewhere.set_path(&url.path().replace("/a", "/b"));
    assert_eq!(put(elsewhere).await, 403);
    assert_eq!(http.get(url.clone()).send().await.unwrap().status(), 403);
    assert!(rig.blobs.size("incoming/main/a").await.is_err());

    assert_eq!(put(url).await, 200);
    assert!(read(&rig.blobs, "incoming/main/a").await == bytes);

    let short = sign(Duration::from_secs(1)).await;
    eventually("the URL has expired", async || put(short.clone()).await == 403).await;
}
