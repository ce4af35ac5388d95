//! Stores for one test: a directory, and an S3 server inside the test process.

use api_contract::secret::Secret;
use blobs::{Blobs, BlobsConfig, Bucket};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use std::io;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

pub(crate) const BUCKET: &str = "files-of-a-test";

/// A store and its resources.
pub(crate) struct TestStore {
    pub(crate) blobs: Blobs,
    pub(crate) folder: TempDir,
    _server: Option<AbortOnDropHandle<()>>,
}

pub(crate) async fn folder() -> TestStore {
    let folder = tempfile::tempdir().unwrap();
    let config = BlobsConfig::Local(folder.path().join("blobs"));
    TestStore { blobs: Blobs::open(config).await.unwrap(), folder, _server: None }
}

pub(crate) async fn bucket() -> TestStore {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
    let (endpoint, server) = serve(folder.path()).await;
    let blobs = Blobs::open(BlobsConfig::S3(keys(&endpoint, "the-secret"))).await;
    TestStore { blobs: blobs.unwrap(), folder, _server: Some(server) }
}

pub(crate) fn keys(endpoint: &str, secret: &str) -> Bucket {
    Bucket {
        endpoint: endpoint.to_owned(),
        bucket: BUCKET.to_owned(),
        region: "us-east-1".to_owned(),
        access_key: "the-key".to_owned(),
        secret_key: Secret::new(secret),
        allow_http: true,
    }
}

/// An S3 server on a directory; it ends with the handle.
pub(crate) async fn serve(root: &Path) -> (String, AbortOnDropHandle<()>) {
    // The client needs a cryptography provider even without TLS; only the first choice
    // counts.
    let _chosen_before = rustls::crypto::ring::default_provider().install_default();
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    builder.set_auth(SimpleAuth::from_single("the-key", "the-secret"));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let (connection, service) = (TokioIo::new(connection), service.clone());
            tokio::spawn(async move {
                let http = auto::Builder::new(TokioExecutor::new());
                let _ended = http.serve_connection(connection, service).await;
            });
        }
    });
    (endpoint, AbortOnDropHandle::new(server))
}

/// `size` bytes without two equal neighbours.
pub(crate) fn bytes_of(size: usize) -> Vec<u8> {
    (0..size).map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap()).collect()
}

pub(crate) fn chunks(
    bytes: &[u8],
) -> impl Stream<Item = Result<Bytes, io::Error>> + Unpin + Send + use<> {
    let chunks: Vec<_> = bytes.chunks(70_001).map(Bytes::copy_from_slice).collect();
    stream::iter(chunks.into_iter().map(Ok))
}

/// A stream that fails after `size` bytes.
pub(crate) fn failing_after(
    size: usize,
) -> impl Stream<Item = Result<Bytes, io::Error>> + Unpin + Send {
    let end = stream::iter([Err(io::Error::other("the client has hung up"))]);
    chunks(&bytes_of(size)).chain(end)
}

pub(crate) async fn read(blobs: &Blobs, key: &str) -> Vec<u8> {
    collect(blobs.get(key, None).await.unwrap()).await
}

pub(crate) async fn collect(stream: blobs::read::Bytestream) -> Vec<u8> {
    let chunks: Vec<Bytes> = stream.try_collect().await.unwrap();
    chunks.concat()
}

/// All files below a directory, as sorted relative paths.
pub(crate) fn files(root: &Path) -> Vec<String> {
    let (mut folders, mut found) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

pub(crate) async fn eventually(condition: &str, check: impl AsyncFnMut() -> bool) {
    process::until(condition, Duration::from_secs(20), check).await;
}
