//! A bucket of an S3 store.

use api_contract::secret::Secret;

/// A bucket and its credentials.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// The store's URL, without the bucket.
    pub endpoint: String,
    /// The bucket's name; the bucket must exist.
    pub bucket: String,
    /// The region in signatures.
    pub region: String,
    /// The access key id.
    pub access_key: String,
    /// The secret key; it signs requests and is never sent.
    pub secret_key: Secret,
    /// Whether the URL may start with `http:`, for a store on this machine only.
    pub allow_http: bool,
}
