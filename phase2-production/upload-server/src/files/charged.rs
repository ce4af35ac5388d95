//! Charges an upload in one request while its bytes arrive.
//!
//! The first bytes stay in memory and need no reservation: most files end there, and are
//! charged when they are published. For more bytes the quota must have space before they
//! reach the disk. A repetition of a stored upload is hashed and not stored.

use super::reservation::FormReservation;
use super::staged::{NewFile, Staged};
use super::store::{Files, scope_of};
use crate::error::Error;
use api_contract::problem::ProblemKind;
use blobs::{BlobError, Moment, Put};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http_edge::refusal::Refusal;
use http_edge::upload_form::too_large;
use records::Member;
use records::uploads::forms::{self, Reserved};
use sha2::{Digest, Sha256};
use std::error::Error as StdError;
use std::time::{Duration, Instant};
use upload_domain::file_id::FileId;
use upload_domain::hex::hex;

/// Bytes that a request may have before they are reserved. The store keeps as many in
/// memory.
const FREE_BYTES: u64 = 64 * 1024;

/// Time after which a reservation is renewed. A body has a byte every few seconds, and a
/// lease takes longer than both.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(20);

type Cause = Box<dyn StdError + Send + Sync>;

impl Files {
    /// Streams the bytes of a file to a key that no row references yet, and reserves them
    /// on the way. `announced` is the expected size.
    pub(crate) async fn stage_charged<S, E>(
        &self,
        new: NewFile,
        announced: Option<u64>,
        mut body: S,
    ) -> Result<Staged, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: Into<Cause> + Send,
    {
        let (head, is_whole) = read_head(&mut body).await?;
        let head_size = head.len() as u64;
        let head = stream::iter([Ok::<_, Cause>(head)]);
        if is_whole {
            return self.stage(new, head).await;
        }
        let wanted = announced
            .unwrap_or(2 * FREE_BYTES)
            .clamp(head_size, new.limit.max(head_size));
        let id = FileId::new();
        let Some(granted) = self.reserve(&new, id, wanted).await? else {
            let rest = body.map(|chunk| chunk.map_err(Into::into));
            return self.hash_only(new, head.chain(rest)).await;
        };
        let reservation = FormReservation::new(self.clone(), new.owner.clone(), id);
        let charged = Charged {
            body: head.chain(body.map(|chunk| chunk.map_err(Into::into))),
            files: self.clone(),
            owner: new.owner.clone(),
            id,
            granted,
            received: 0,
            limit: new.limit,
            renewed_at: Instant::now(),
        };
        let chunks = stream::try_unfold(charged, async |mut charged| {
            Ok::<_, Cause>(charged.next().await?.map(|chunk| (chunk, charged)))
        });
        let staged = self.stage(new, Box::pin(chunks)).await.map_err(own_error);
        Ok(Staged { form: Some(reservation), ..staged? })
    }

    /// Reserves space. Returns the reserved bytes; [`None`] if the file's idempotency key was
    /// used.
    async fn reserve(
        &self,
        new: &NewFile,
        id: FileId,
        wanted: u64,
    ) -> Result<Option<u64>, Error> {
        let (owner, key, quota) = (new.owner.clone(), new.key.clone(), self.quota);
        let reserved = self.records.run(scope_of(&new.owner), move |tx| {
            Box::pin(async move {
                forms::reserve(tx, &owner, id, wanted, quota, key.as_deref()).await
            })
        });
        match reserved.await? {
            Reserved::Bytes(granted) => Ok(Some(granted)),
            Reserved::KeyUsed => Ok(None),
            Reserved::KeyInUse => Err(key_in_use()),
            Reserved::QuotaExceeded => Err(quota_exceeded()),
            Reserved::TooMany => Err(too_many()),
        }
    }

    /// The request repeats a stored upload: its answer needs the hash, and no bytes.
    async fn hash_only(
        &self,
        new: NewFile,
        mut body: impl Stream<Item = Result<Bytes, Cause>> + Unpin,
    ) -> Result<Staged, Error> {
        let (mut size, mut hash) = (0, Sha256::new());
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(BlobError::BrokenBody)?;
            size += chunk.len() as u64;
            if size > new.limit {
                return Err(too_large(new.limit).into());
            }
            hash.update(&chunk);
        }
        let (file_id, _unused_key) = self.allocate(&new.owner);
        let put = Put { size, sha256: hex(&hash.finalize()), since: Moment::now() };
        let mut staged = self.staged(new, file_id, String::new(), put);
        staged.bytes.key = None;
        Ok(staged)
    }
}

/// A body whose bytes are reserved before they go on.
struct Charged<S> {
    body: S,
    files: Files,
    owner: Member,
    id: FileId,
    granted: u64,
    received: u64,
    limit: u64,
    renewed_at: Instant,
}

impl<S: Stream<Item = Result<Bytes, Cause>> + Unpin> Charged<S> {
    async fn next(&mut self) -> Result<Option<Bytes>, Cause> {
        let chunk = self.body.next().await.transpose()?;
        self.received += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        // Beyond the limit the store refuses the file.
        let is_short = self.received > self.granted && self.received <= self.limit;
        if is_short || self.renewed_at.elapsed() > RENEWAL_INTERVAL {
            self.extend().await?;
        }
        Ok(chunk)
    }

    /// Each step doubles the reservation, so that a long body needs few transactions.
    async fn extend(&mut self) -> Result<(), Error> {
        let wanted = match self.received > self.granted {
            true => self.received.max(2 * self.granted).min(self.limit),
            false => self.granted,
        };
        let (owner, id, quota) = (self.owner.clone(), self.id, self.files.quota);
        let extended = self.files.records.run(scope_of(&self.owner), move |tx| {
            Box::pin(async move { forms::extend(tx, &owner, id, wanted, quota).await })
        });
        let granted = extended.await?.ok_or_else(|| {
            Refusal::new(ProblemKind::FileStoreUnavailable)
                .detail("The upload was paused for too long. Send it again.")
                .retry_after(1)
        })?;
        (self.granted, self.renewed_at) = (granted, Instant::now());
        match self.received > granted {
            true => Err(quota_exceeded()),
            false => Ok(()),
        }
    }
}

/// Reads the first bytes; also returns whether the body has ended. They are copied to one
/// place, because a client may send chunks of one byte, and each chunk has a cost.
async fn read_head<S, E>(body: &mut S) -> Result<(Bytes, bool), Error>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Cause>,
{
    let mut head = BytesMut::new();
    while head.len() as u64 <= FREE_BYTES {
        let Some(chunk) = body.next().await else {
            return Ok((head.freeze(), true));
        };
        head.extend_from_slice(
            &chunk.map_err(|broken| BlobError::BrokenBody(broken.into()))?,
        );
    }
    Ok((head.freeze(), false))
}

/// An error of this server inside a stream comes back as a broken body.
pub(crate) fn own_error(error: Error) -> Error {
    match error {
        Error::Blobs(BlobError::BrokenBody(cause)) => match cause.downcast::<Error>() {
            Ok(own) => *own,
            Err(cause) => Error::Blobs(BlobError::BrokenBody(cause)),
        },
        error => error,
    }
}

fn key_in_use() -> Error {
    Refusal::new(ProblemKind::IdempotencyKeyInUse)
        .detail("The first request with this key is under way. Repeat this one later.")
        .retry_after(1)
        .into()
}

fn quota_exceeded() -> Error {
    Refusal::new(ProblemKind::QuotaExceeded).into()
}

/// The refusal of one more unfinished upload.
pub(crate) fn too_many() -> Error {
    Refusal::new(ProblemKind::TooManyRequests)
        .detail("You have too many unfinished uploads. Complete or abort some.")
        .retry_after(60)
        .into()
}
