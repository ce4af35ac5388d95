//! Tests of the object store with the S3 protocol.

use crate::support::is_available;
use backing_services::{Backing, Kind, ServiceType, State, s3};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The status of an unsigned request.
async fn unsigned_status(url: &str) -> Option<String> {
    let (address, bucket) = url.split_once('@')?.1.split_once('/')?;
    let (bucket, _) = bucket.split_once('?')?;
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET /{bucket}/none HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.split(' ').nth(1).map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn private_store_rejects_unsigned_requests_and_survives_kill() {
    if !is_available(ServiceType::S3, Kind::Local).await {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let service = s3(Backing::Auto, dir.path()).await.unwrap();
    assert_eq!(service.kind, Kind::Local, "{}", service.why);
    assert_eq!(unsigned_status(&service.url).await.as_deref(), Some("403"));
    service.kill9().await.unwrap();
    assert_eq!(unsigned_status(&service.url).await, None);
    service.restart().await.unwrap();
    assert_eq!(service.state(), State::Up);
    assert_eq!(unsigned_status(&service.url).await.as_deref(), Some("403"));
    drop(service);
    assert_eq!(dir.path().read_dir().unwrap().count(), 0, "its folder is removed");
}
