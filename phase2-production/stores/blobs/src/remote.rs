//! Blob storage in an S3 bucket.

use crate::bucket::Bucket;
use crate::error::OpenError;
use futures_util::StreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Maximum number of parts in memory on their way to the store, 5 MiB each. Other parts
/// wait on disk.
const MAX_PARTS_IN_MEMORY: usize = 12;

#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) client: AmazonS3,
    pub(crate) parts: Semaphore,
}

impl Remote {
    /// A client of this bucket, which has replied once. The process must have chosen its
    /// cryptography provider: see `http_edge::crypto`.
    pub(crate) async fn open(bucket: Bucket) -> Result<Self, OpenError> {
        let refused = |cause| OpenError::Bucket {
            endpoint: bucket.endpoint.clone(),
            bucket: bucket.bucket.clone(),
            cause,
        };
        let client = client(&bucket).map_err(refused)?;
        let first = client.list(Some(&Path::from("ping"))).next().await;
        first.transpose().map_err(refused)?;
        Ok(Self { client, parts: Semaphore::new(MAX_PARTS_IN_MEMORY) })
    }
}

fn client(bucket: &Bucket) -> object_store::Result<AmazonS3> {
    // No timeout of a whole request, because a slow reader of a large file is no fault;
    // but a timeout without data.
    let options = ClientOptions::new()
        .with_allow_http(bucket.allow_http)
        .with_connect_timeout(Duration::from_secs(1))
        .with_read_timeout(Duration::from_secs(10))
        .with_timeout_disabled();
    let retry = RetryConfig {
        max_retries: 3,
        retry_timeout: Duration::from_secs(10),
        ..RetryConfig::default()
    };
    AmazonS3Builder::new()
        .with_client_options(options)
        .with_retry(retry)
        .with_endpoint(bucket.endpoint.trim_end_matches('/'))
        .with_bucket_name(&bucket.bucket)
        .with_region(&bucket.region)
        .with_access_key_id(&bucket.access_key)
        .with_secret_access_key(bucket.secret_key.expose())
        .with_virtual_hosted_style_request(false)
        .build()
}
