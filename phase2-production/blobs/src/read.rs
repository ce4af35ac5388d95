//! Reading bytes back, and what else can be done with a blob that is there.

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

/// Bytes read from disk at a time.
const CHUNK: usize = 64 * 1024;

/// The bytes of a blob, or of a part of one; in constant memory.
pub type Bytestream = BoxStream<'static, Result<Bytes, BlobError>>;

impl Blobs {
    /// Streams a blob, or the bytes of it that `range` names. What is read stays readable
    /// even if the blob is deleted meanwhile.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] when there is no such blob. A range that begins behind the
    /// end is a mistake of the caller, and fails like a broken store.
    pub async fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<Bytestream, BlobError> {
        let nothing = range.as_ref().is_some_and(|range| range.is_empty());
        let range = range.filter(|_| !nothing).map(Into::into);
        let options = GetOptions { range, ..GetOptions::default() };
        let found = self.objects().get_opts(&Path::from(key), options).await;
        let found = found.map_err(|error| self.error(error))?;
        if nothing {
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
        let stream = ReaderStream::with_capacity(file, CHUNK);
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

    /// Removes a blob. One that is not there is removed already.
    ///
    /// # Errors
    /// When the store fails; then the janitor has to come back.
    pub async fn delete(&self, key: &str) -> Result<(), BlobError> {
        let deleted = self.objects().delete(&Path::from(key)).await;
        match deleted.map_err(|error| self.error(error)) {
            Err(BlobError::NotFound) => Ok(()),
            other => other,
        }
    }

    /// Copies a blob to a key that is not in use, inside the store. What happens to the
    /// one afterwards does not happen to the other, and the copy is as young as it can be.
    ///
    /// # Errors
    /// [`BlobError::NotFound`] when there is no such blob.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), BlobError> {
        if let Store::Local(local) = self.store() {
            local.prepare(to).await?;
            local.make_young(from).await?;
        }
        let copied = self.objects().copy(&Path::from(from), &Path::from(to)).await;
        copied.map_err(|error| self.error(error))
    }

    /// A URL at which whoever has it may `PUT` bytes under this key, until it expires.
    /// [`None`] for a folder, which has no door of its own. How many bytes is not part of
    /// what S3 signs: look at the size afterwards.
    ///
    /// # Errors
    /// When it cannot be signed.
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
