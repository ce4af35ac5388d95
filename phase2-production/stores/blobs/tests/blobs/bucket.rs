//! Behaviour of a bucket only.

use crate::support::{BUCKET, bucket, bytes_of, eventually, keys, read, serve};
use blobs::{Blobs, BlobsConfig, OpenError};
use std::time::Duration;

#[tokio::test]
async fn wrong_url_key_or_bucket_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (endpoint, _server) = serve(folder.path()).await;
    let missing = Blobs::open(BlobsConfig::S3(keys(&endpoint, "the-secret"))).await;
    assert!(matches!(missing, Err(OpenError::Bucket { .. })));

    std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
    Blobs::open(BlobsConfig::S3(keys(&endpoint, "the-secret"))).await.unwrap();

    let forged = Blobs::open(BlobsConfig::S3(keys(&endpoint, "not-the-secret"))).await;
    assert!(matches!(forged, Err(OpenError::Bucket { .. })));
    let closed = Blobs::open(BlobsConfig::S3(keys("http://127.0.0.1:9", "x"))).await;
    let error = closed.unwrap_err().to_string();
    assert!(error.contains("http://127.0.0.1:9") && error.contains(BUCKET), "{error}");
}

#[tokio::test]
async fn debug_output_hides_the_secret_key() {
    let printed = format!("{:?}", BlobsConfig::S3(keys("http://127.0.0.1:9", "CANARY")));
    assert!(!printed.contains("CANARY"));
}

/// Another key or method, or an expired URL, is refused.
#[tokio::test]
async fn presigned_url_allows_only_the_signed_request() {
    let store = bucket().await;
    let http = reqwest::Client::new();
    let bytes = bytes_of(10_000);
    let sign = async |life| {
        store.blobs.presign_put("incoming/main/a", life).await.unwrap().unwrap()
    };
    let put = async |url: url::Url| {
        http.put(url).body(bytes.clone()).send().await.unwrap().status().as_u16()
    };
    let url = sign(Duration::from_secs(60)).await;
    let mut elsewhere = url.clone();
    elsewhere.set_path(&url.path().replace("/a", "/b"));
    assert_eq!(put(elsewhere).await, 403);
    assert_eq!(http.get(url.clone()).send().await.unwrap().status(), 403);
    assert!(store.blobs.size("incoming/main/a").await.is_err());

    assert_eq!(put(url).await, 200);
    assert!(read(&store.blobs, "incoming/main/a").await == bytes);

    let short = sign(Duration::from_secs(1)).await;
    eventually("the URL has expired", async || put(short.clone()).await == 403).await;
}
