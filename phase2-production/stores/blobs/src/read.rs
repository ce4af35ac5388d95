//! Reads, copies, deletes and presigns blobs.

use crate::config::{Blobs, Store};
use crate::error::BlobError;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::signer::{Method, Signer};
use object_store::{GetOptions, GetResult, GetResultPayload, ObjectStoreExt};
use std::io::SeekFrom;
use std::ops::Range;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;
use url::Url;

/// Size of a read from disk, in bytes.
const CHUNK_SIZE: usize = 64 * 1024;

/// A stream of a blob's bytes, in constant memory.
pub type Bytestream = BoxStream<'static, Result<Bytes, BlobError>>;

impl Blobs {
    /// Streams a blob, or the bytes in `range`. The stream stays readable if the blob is
    /// deleted meanwhile.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] if there is no such blob. A range that starts after the
    /// end is a defect of the caller and fails like a broken store.
    pub async fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<Bytestream, BlobError> {
        let is_empty = range.as_ref().is_some_and(|range| range.is_empty());
        let range = range.filter(|_| !is_empty).map(Into::into);
        let options = GetOptions { range, ..GetOptions::default() };
        let found = self.objects().get_opts(&Path::from(key), options).await;
        let found = found.map_err(|error| self.error(error))?;
        if is_empty {
            return Ok(futures_util::stream::empty().boxed());
        }
        self.stream(found).await
    }

    async fn stream(&self, found: GetResult) -> Result<Bytestream, BlobError> {
        let GetResult { payload, range, .. } = found;
        let blobs = self.clone();
        let file = match payload {
            GetResultPayload::Stream(stream) => {
                let named = move |chunk: object_store::Result<Bytes>| {
                    chunk.map_err(|error| blobs.error(error))
                };
                return Ok(stream.map(named).boxed());
            }
            GetResultPayload::File(file, _) => file,
        };
        let mut file = tokio::fs::File::from_std(file);
        file.seek(SeekFrom::Start(range.start)).await.map_err(BlobError::of_disk)?;
        let file = file.take(range.end - range.start);
        let stream = ReaderStream::with_capacity(file, CHUNK_SIZE);
        Ok(stream.map(|chunk| chunk.map_err(BlobError::of_disk)).boxed())
    }

    /// The size of a blob in bytes.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] when there is no such blob.
    pub async fn size(&self, key: &str) -> Result<u64, BlobError> {
        let found = self.objects().head(&Path::from(key)).await;
        found.map(|found| found.size).map_err(|error| self.error(error))
    }

    /// Deletes a blob. A missing blob is no error.
    ///
    /// # Errors
    /// If the store fails; then the janitor has to retry.
    pub async fn delete(&self, key: &str) -> Result<(), BlobError> {
        let deleted = self.objects().delete(&Path::from(key)).await;
        match deleted.map_err(|error| self.error(error)) {
            Err(BlobError::NotFound) => Ok(()),
            other => other,
        }
    }

    /// Copies a blob to an unused key, inside the store. The copies are independent, and
    /// the new one has the age zero.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] when there is no such blob.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), BlobError> {
        if let Store::Local(local) = self.store() {
            local.prepare(to).await?;
            local.reset_age(from).await?;
        }
        let copied = self.objects().copy(&Path::from(from), &Path::from(to)).await;
        copied.map_err(|error| self.error(error))
    }

    /// A presigned URL: any client that has it may `PUT` bytes under this key until it
    /// expires. [`None`] for a directory. S3 does not sign the size: check it afterwards.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub async fn presign_put(
        &self,
        key: &str,
        expires: Duration,
    ) -> Result<Option<Url>, BlobError> {
        let Store::Remote(remote) = self.store() else {
            return Ok(None);
        };
        let key = Path::from(key);
        let url = remote.client.signed_url(Method::PUT, &key, expires).await;
        url.map(Some).map_err(|error| self.error(error))
    }
}
