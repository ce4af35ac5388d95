//! Keeping bytes: streamed, hashed on the way, all or nothing.

use crate::config::{Blobs, Store};
use crate::error::BlobError;
use crate::part::Part;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::time::Instant;
use tokio::task::JoinHandle;
use upload_domain::hex::hex;

/// What was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hexadecimal.
    pub sha256: String,
    /// From when on the store may count its age. S3 counts from the first part.
    pub since: Instant,
}

impl Blobs {
    /// Keeps a stream of at most `limit` bytes under a key that is not in use. When this
    /// returns `Ok`, a local blob and its name have reached the disk, and an S3 store has
    /// said that it has it. It takes some 200 KB of memory, whatever the size.
    ///
    /// Dropped before its end, it clears away what it wrote, in a task of its own.
    ///
    /// # Errors
    /// See [`BlobError`]; after each of them nothing is left.
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
                draft.stage = Stage::Done;
                Ok(put)
            }
            Err(error) => {
                draft.take_back().await;
                Err(error)
            }
        }
    }
}

/// A blob on its way. Unless it is done when it is dropped, nothing stays of it.
struct Draft {
    blobs: Blobs,
    key: Path,
    part: Part,
    stage: Stage,
    since: Instant,
}

enum Stage {
    /// The store has heard nothing yet.
    Nothing,
    /// Some parts are there; the blob is not.
    Parts(Box<dyn MultipartUpload>),
    /// The store was told that this is all. It goes on even if nobody waits for it.
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
            stage: Stage::Nothing,
            since: Instant::now(),
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
        }
        if let Store::Local(_) = self.blobs.store() {
            self.since = Instant::now();
        }
        self.finish().await?;
        Ok(Put { size, sha256: hex(&hash.finalize()), since: self.since })
    }

    async fn send_part(&mut self) -> Result<(), BlobError> {
        let blobs = self.blobs.clone();
        let failed = |error| blobs.error(error);
        if matches!(self.stage, Stage::Nothing) {
            let upload = blobs.objects().put_multipart(&self.key).await;
            self.stage = Stage::Parts(upload.map_err(failed)?);
        }
        let _turn = turn(&blobs).await;
        let bytes = self.part.take().await.map_err(BlobError::of_disk)?;
        match &mut self.stage {
            Stage::Parts(upload) => upload.put_part(bytes.into()).await.map_err(failed),
            _ => Ok(()),
        }
    }

    /// The last step happens in a task, so that it is over when it is known whether it
    /// has happened.
    async fn finish(&mut self) -> Result<(), BlobError> {
        if matches!(self.stage, Stage::Parts(_)) {
            self.send_part().await?;
        }
        let blobs = self.blobs.clone();
        let turn = turn(&blobs).await;
        let bytes = self.part.take().await.map_err(BlobError::of_disk)?;
        let (store, key) = (self.blobs.clone(), self.key.clone());
        let finishing = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Parts(mut upload) => {
                tokio::spawn(async move { upload.complete().await.map(drop) })
            }
            _ => tokio::spawn(async move {
                store.objects().put(&key, PutPayload::from(bytes)).await.map(drop)
            }),
        };
        self.stage = Stage::Finishing(finishing);
        let Stage::Finishing(finishing) = &mut self.stage else {
            return Ok(());
        };
        let finished = finishing.await.unwrap_or_else(|stopped| Err(stopped.into()));
        drop(turn);
        finished.map_err(|error| blobs.error(error))
    }

    async fn take_back(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        take_back(self.blobs.clone(), self.key.clone(), stage).await;
    }
}

/// Only S3 has large parts to hold in memory.
async fn turn(blobs: &Blobs) -> Option<tokio::sync::SemaphorePermit<'_>> {
    match blobs.store() {
        Store::Local(_) => None,
        Store::Remote(remote) => remote.parts.acquire().await.ok(),
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        let runtime = tokio::runtime::Handle::try_current();
        if let (false, Ok(runtime)) =
            (matches!(stage, Stage::Nothing | Stage::Done), runtime)
        {
            runtime.spawn(take_back(self.blobs.clone(), self.key.clone(), stage));
        }
    }
}

/// What cannot be cleared now, the janitor clears.
async fn take_back(blobs: Blobs, key: Path, stage: Stage) {
    let cleared = match stage {
        Stage::Nothing | Stage::Done => return,
        Stage::Parts(mut upload) => upload.abort().await,
        Stage::Finishing(mut finishing) => {
            if !finishing.is_finished() {
                let _either_way = (&mut finishing).await;
            }
            blobs.objects().delete(&key).await
        }
    };
    if let Err(error) = cleared {
        tracing::debug!(%error, %key, "an unfinished blob is left to the janitor");
    }
}
