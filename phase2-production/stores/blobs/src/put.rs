//! Stores a stream of bytes: hashed on the way, completely or not at all.

use crate::config::{Blobs, Store};
use crate::error::BlobError;
use crate::part::Part;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use upload_domain::hex::hex;
use upload_domain::incoming::now_ms;

/// Longest time for which the bytes of a running body stay in memory only, if the body has
/// bytes at all. So the temporary file of a slow upload does not look abandoned.
pub const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// A moment by two clocks. `Instant` never goes back, but stands still while the machine
/// is suspended; the clock of the machine counts the pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// By the monotonic clock.
    pub instant: Instant,
    /// Milliseconds since 1970.
    pub unix_ms: u64,
}

impl Moment {
    /// The present moment.
    #[must_use]
    pub fn now() -> Self {
        Self { instant: Instant::now(), unix_ms: now_ms() }
    }

    /// The moment `later` by both clocks; milliseconds as the database has them.
    #[must_use]
    pub fn after(self, later: Duration) -> (Instant, i64) {
        let later_ms = u64::try_from(later.as_millis()).unwrap_or(u64::MAX);
        let unix_ms = self.unix_ms.saturating_add(later_ms);
        (self.instant + later, i64::try_from(unix_ms).unwrap_or(i64::MAX))
    }
}

/// A stored blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hexadecimal.
    pub sha256: String,
    /// Earliest time from which the store may count the blob's age. S3 counts from the
    /// first part.
    pub since: Moment,
}

impl Blobs {
    /// Stores a stream of at most `limit` bytes under an unused key. After `Ok` a local
    /// blob and its name are synced to disk, or the S3 store has confirmed it. Needs
    /// about 200 KB of memory for any size.
    ///
    /// If the future is dropped before its end, a task removes the bytes written so far.
    ///
    /// # Errors
    /// See [`BlobError`]; after an error no bytes remain.
    pub async fn put<S, E>(
        &self,
        key: &str,
        body: S,
        limit: u64,
    ) -> Result<Put, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut draft = Draft::new(self.clone(), key).await?;
        match draft.write_all(body, limit).await {
            Ok(put) => {
                draft.state = UploadState::Done;
                Ok(put)
            }
            Err(error) => {
                draft.clean_up().await;
                Err(error)
            }
        }
    }
}

/// An unfinished blob. Dropping it removes its bytes unless it is done.
struct Draft {
    blobs: Blobs,
    key: Path,
    part: Part,
    state: UploadState,
    since: Moment,
    /// The last time at which the disk had all bytes received by then.
    flushed_at: Instant,
}

enum UploadState {
    /// No request to the store yet.
    Empty,
    /// The store has some parts, but not the blob.
    Multipart(Box<dyn MultipartUpload>),
    /// The last request was sent. The task completes even if its caller is dropped.
    Finishing(JoinHandle<object_store::Result<()>>),
    Done,
}

impl Draft {
    async fn new(blobs: Blobs, key: &str) -> Result<Self, BlobError> {
        let part = match blobs.store() {
            Store::Local(local) => {
                local.prepare(key).await?;
                Part::small()
            }
            Store::Remote(_) => Part::large(),
        };
        Ok(Self {
            blobs,
            key: Path::from(key),
            part,
            state: UploadState::Empty,
            since: Moment::now(),
            flushed_at: Instant::now(),
        })
    }

    async fn write_all<S, E>(&mut self, mut body: S, limit: u64) -> Result<Put, BlobError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let (mut size, mut hash) = (0_u64, Sha256::new());
        while let Some(chunk) = body.next().await {
            let mut chunk = chunk.map_err(|error| BlobError::BrokenBody(error.into()))?;
            size += chunk.len() as u64;
            if size > limit {
                return Err(BlobError::TooLarge { limit });
            }
            hash.update(&chunk);
            while !chunk.is_empty() {
                self.part.fill(&mut chunk).await.map_err(BlobError::of_disk)?;
                if self.part.is_full() {
                    self.send_part().await?;
                }
            }
            self.flush().await?;
        }
        if let Store::Local(_) = self.blobs.store() {
            self.since = Moment::now();
        }
        self.finish().await?;
        Ok(Put { size, sha256: hex(&hash.finalize()), since: self.since })
    }

    /// Writes a part before it is full, so that a slow upload is not taken for a killed
    /// one. S3 does not list unfinished uploads, and refuses small parts.
    async fn flush(&mut self) -> Result<(), BlobError> {
        let is_local = matches!(self.blobs.store(), Store::Local(_));
        match is_local && self.flushed_at.elapsed() >= FLUSH_INTERVAL {
            true => self.send_part().await,
            false => Ok(()),
        }
    }

    async fn send_part(&mut self) -> Result<(), BlobError> {
        self.flushed_at = Instant::now();
        let blobs = self.blobs.clone();
        let failed = |error| blobs.error(error);
        if matches!(self.state, UploadState::Empty) {
            let upload = blobs.objects().put_multipart(&self.key).await;
            self.state = UploadState::Multipart(upload.map_err(failed)?);
        }
        let _permit = part_permit(&blobs).await;
        let bytes = self.part.take().await.map_err(BlobError::of_disk)?;
        match &mut self.state {
            UploadState::Multipart(upload) => {
                upload.put_part(bytes.into()).await.map_err(failed)
            }
            _ => Ok(()),
        }
    }

    /// The last step runs in a task, so that its outcome is known when cleaning up.
    async fn finish(&mut self) -> Result<(), BlobError> {
        if matches!(self.state, UploadState::Multipart(_)) {
            self.send_part().await?;
        }
        let blobs = self.blobs.clone();
        let permit = part_permit(&blobs).await;
        let bytes = self.part.take().await.map_err(BlobError::of_disk)?;
        let (store, key) = (self.blobs.clone(), self.key.clone());
        let finishing = match std::mem::replace(&mut self.state, UploadState::Done) {
            UploadState::Multipart(mut upload) => {
                tokio::spawn(async move { upload.complete().await.map(drop) })
            }
            _ => tokio::spawn(async move {
                store.objects().put(&key, PutPayload::from(bytes)).await.map(drop)
            }),
        };
        self.state = UploadState::Finishing(finishing);
        let UploadState::Finishing(finishing) = &mut self.state else {
            return Ok(());
        };
        let finished = finishing.await.unwrap_or_else(|stopped| Err(stopped.into()));
        drop(permit);
        finished.map_err(|error| blobs.error(error))
    }

    async fn clean_up(&mut self) {
        let state = std::mem::replace(&mut self.state, UploadState::Done);
        clean_up(self.blobs.clone(), self.key.clone(), state).await;
    }
}

/// A permit to hold a part in memory. Only S3 needs one, because its parts are large.
async fn part_permit(blobs: &Blobs) -> Option<tokio::sync::SemaphorePermit<'_>> {
    match blobs.store() {
        Store::Local(_) => None,
        Store::Remote(remote) => remote.parts.acquire().await.ok(),
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.state, UploadState::Done);
        let runtime = tokio::runtime::Handle::try_current();
        if let (false, Ok(runtime)) =
            (matches!(state, UploadState::Empty | UploadState::Done), runtime)
        {
            runtime.spawn(clean_up(self.blobs.clone(), self.key.clone(), state));
        }
    }
}

/// Removes the bytes of an unfinished blob. After a failure the janitor removes them.
async fn clean_up(blobs: Blobs, key: Path, state: UploadState) {
    let removed = match state {
        UploadState::Empty | UploadState::Done => return,
        UploadState::Multipart(mut upload) => upload.abort().await,
        UploadState::Finishing(mut finishing) => {
            if !finishing.is_finished() {
                let _any_outcome = (&mut finishing).await;
            }
            blobs.objects().delete(&key).await
        }
    };
    if let Err(error) = removed {
        tracing::debug!(%error, %key, "could not remove an unfinished blob; the janitor will");
    }
}
