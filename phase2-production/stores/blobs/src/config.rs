//! The configuration of a blob store, and how it is opened.

use crate::bucket::Bucket;
use crate::error::{BlobError, InvalidStoreUrl, OpenError, Origin};
use crate::local::Local;
use crate::part;
use crate::remote::Remote;
use api_contract::secret::Secret;
use object_store::ObjectStore;
use percent_encoding::percent_decode_str;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use url::Url;

/// The kind of store.
#[derive(Clone, Debug)]
pub enum BlobsConfig {
    /// A directory; replicas on one machine may share it.
    Local(PathBuf),
    /// A bucket of an S3 store.
    S3(Bucket),
}

impl BlobsConfig {
    /// Parses `s3://KEY:SECRET@HOST:PORT/BUCKET?region=R&tls=no`. The default region is
    /// `us-east-1`; `tls=no` is for a store on this machine.
    ///
    /// # Errors
    /// If it has another form. The message does not repeat the URL, because it contains a
    /// secret.
    pub fn from_url(text: &str) -> Result<Self, InvalidStoreUrl> {
        let url = Url::parse(text).map_err(|_| InvalidStoreUrl)?;
        let (host, secret) = (url.host_str(), url.password());
        let bucket = url.path().trim_matches('/');
        let (Some(host), Some(secret), "s3") = (host, secret, url.scheme()) else {
            return Err(InvalidStoreUrl);
        };
        if bucket.is_empty() || bucket.contains('/') || url.username().is_empty() {
            return Err(InvalidStoreUrl);
        }
        let parameter = |name| url.query_pairs().find(|(key, _)| key == name);
        let allow_http = parameter("tls").is_some_and(|(_, value)| value == "no");
        let scheme = if allow_http { "http" } else { "https" };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let region = parameter("region").map(|(_, region)| region.into_owned());
        Ok(Self::S3(Bucket {
            endpoint: format!("{scheme}://{host}{port}"),
            bucket: bucket.to_owned(),
            region: region.unwrap_or_else(|| "us-east-1".to_owned()),
            access_key: plain(url.username())?,
            secret_key: Secret::new(plain(secret)?),
            allow_http,
        }))
    }
}

/// The parts before the host are percent-encoded.
fn plain(text: &str) -> Result<String, InvalidStoreUrl> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| InvalidStoreUrl)?;
    Ok(decoded.into_owned())
}

/// A handle on the store; clones share it.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Store,
    /// The deployment for which this process has reserved the store.
    pub(crate) deployment: Arc<OnceLock<String>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Store {
    Local(Arc<Local>),
    Remote(Arc<Remote>),
}

impl Blobs {
    /// Opens the store and checks that it can be used.
    ///
    /// # Errors
    /// If the directory is not writable, or the bucket does not reply or refuses the
    /// keys.
    pub async fn open(config: BlobsConfig) -> Result<Self, OpenError> {
        let store = match config {
            BlobsConfig::Local(root) => Store::Local(Arc::new(Local::open(root).await?)),
            BlobsConfig::S3(bucket) => {
                Store::Remote(Arc::new(Remote::open(bucket).await?))
            }
        };
        Ok(Self { store, deployment: Arc::default() })
    }

    /// Checks that the store replies and is the reserved one; for `/readyz`.
    ///
    /// # Errors
    /// If it does not, or is another one.
    pub async fn ping(&self) -> Result<(), BlobError> {
        if let Store::Local(local) = &self.store {
            local.ping().await?;
        }
        self.check_owner().await
    }

    /// Checks that temporary files can be written (`TMPDIR`): an upload to an S3 store waits in
    /// one until it has the size of a part. A directory needs none.
    ///
    /// # Errors
    /// [`BlobError::NoSpace`] if their disk is full; [`BlobError::Disk`] if their folder is
    /// missing or read-only.
    pub async fn check_scratch(&self) -> Result<(), BlobError> {
        match &self.store {
            Store::Local(_) => Ok(()),
            Store::Remote(_) => part::check_scratch().await.map_err(BlobError::of_disk),
        }
    }

    /// Whether the store is a directory of this machine.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        matches!(self.store, Store::Local(_))
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn objects(&self) -> &dyn ObjectStore {
        match &self.store {
            Store::Local(local) => &local.objects,
            Store::Remote(remote) => &remote.client,
        }
    }

    pub(crate) fn error(&self, error: object_store::Error) -> BlobError {
        let origin = match &self.store {
            Store::Local(_) => Origin::Local,
            Store::Remote(_) => Origin::Remote,
        };
        let error = BlobError::of(error, origin);
        if !matches!(error, BlobError::NotFound) {
            metrics::counter!("upload_server_blob_store_errors_total").increment(1);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_contains_all_settings_of_a_bucket() {
        let url = "s3://key:a%2Fb@127.0.0.1:9000/files?region=eu-1&tls=no";
        let Ok(BlobsConfig::S3(bucket)) = BlobsConfig::from_url(url) else {
            panic!("it is a store");
        };
        assert_eq!(bucket.endpoint, "http://127.0.0.1:9000");
        assert_eq!((bucket.bucket.as_str(), bucket.region.as_str()), ("files", "eu-1"));
        assert_eq!(
            (bucket.access_key.as_str(), bucket.secret_key.expose()),
            ("key", "a/b")
        );
    }

    #[test]
    fn invalid_url_is_refused_and_not_repeated() {
        for url in [
            "s3://key:CANARY@host",
            "s3://key@host/files",
            "s3://host/files",
            "https://key:CANARY@host/files",
            "s3://key:CANARY@host/a/b",
            "CANARY",
        ] {
            let refused = BlobsConfig::from_url(url).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("CANARY"));
        }
        let safe = BlobsConfig::from_url("s3://key:secret@host/files").unwrap();
        let is_encrypted = |bucket: &Bucket| bucket.endpoint == "https://host";
        assert!(matches!(safe, BlobsConfig::S3(bucket) if is_encrypted(&bucket)));
    }
}
