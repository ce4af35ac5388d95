//! Appends to an upload in parts, each durable before it counts.
//!
//! A part is a blob, and a row that is written only if the upload still ends at the
//! part's offset. So a killed replica loses at most the part that it was receiving, and
//! of two clients that write at one offset, one gets a conflict. A stalled client's bytes are
//! stored, too, so that they take no memory.

use crate::clock;
use crate::error::Error;
use crate::files::charged::own_error;
use crate::files::staged::OrphanBlob;
use crate::files::store::Files;
use crate::run_to_completion::run_to_completion;
use crate::state::AppState;
use crate::tus::checksum::Checksum;
use crate::tus::headers::wrong_offset;
use crate::tus::merge::{MAX_MERGED_PARTS, count_merged};
use crate::tus::part_buffer::{Filled, PartBuffer};
use crate::uploads::finish::bytes_of;
use crate::uploads::pending::{Pending, not_found};
use crate::uploads::under_way::PartMemory;
use crate::uploads::writer::Writer;
use axum::body::{Body, BodyDataStream};
use blobs::{BlobError, Put};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body::Body as _;
use http_edge::upload_form::too_large;
use records::uploads::{self, Appended, NewPart, Part, Upload};
use records::{RecordsError, Scope, clock as database_clock};
use std::time::Instant;
use upload_domain::file_id::FileId;

/// Where the bytes go.
struct Target {
    files: Files,
    upload: Upload,
    /// The account's epoch when the request was authorised.
    epoch: i64,
    memory: PartMemory,
}

/// Appends the body; returns the new offset.
pub(super) async fn append(
    app: &AppState,
    Pending { upload, epoch }: Pending,
    body: Body,
    checksum: Option<Checksum>,
) -> Result<u64, Error> {
    let remaining = upload.size - upload.received;
    if body.size_hint().exact().is_some_and(|announced| announced > remaining) {
        return Err(too_large(upload.size).into());
    }
    let permit = app.uploads_under_way.acquire(&upload.owner)?;
    let body = body.into_data_stream();
    let memory = app.uploads_under_way.part_memory();
    let to = Target { files: app.files(), upload, epoch, memory };
    // A disconnect drops the handler and the bytes that it has read.
    run_to_completion(async move {
        let _permit = permit;
        match checksum {
            Some(checksum) => append_whole(&to, body, checksum).await,
            None => append_parts(&to, body).await,
        }
    })
    .await
}

/// All or nothing, because the checksum can only be verified at the end.
async fn append_whole(
    to: &Target,
    mut body: BodyDataStream,
    mut checksum: Checksum,
) -> Result<u64, Error> {
    let (mut part, mut rest) = (PartBuffer::default(), Bytes::new());
    let (offset, remaining) = (to.upload.received, to.upload.size - to.upload.received);
    let filled = part.fill(&mut rest, &mut body, &to.memory).await?;
    let first = part.take();
    if first.len() as u64 > remaining {
        return Err(too_large(to.upload.size).into());
    }
    checksum.update(&first);
    if filled == Filled::BodyEnded {
        checksum.verify()?;
        return save(to, offset, first).await;
    }
    // A body that is long or slow goes to the disk as it arrives.
    drop(part);
    let writer = Writer::claim(&to.files, &to.upload, Some(to.epoch)).await?;
    checksum.update(&rest);
    let begun = stream::iter([Ok(first), Ok(rest)]);
    let body = body.inspect_ok(|bytes| checksum.update(bytes));
    let key = key_for(&to.upload);
    let whole = writer.watch(begun.chain(body));
    let put = to.files.blobs.put(&key, whole, remaining).await;
    let put = put.map_err(too_much(&to.upload)).map_err(own_error)?;
    let blob = OrphanBlob { files: to.files.clone(), key: Some(key) };
    checksum.verify()?;
    save_blob(to, offset, &put, blob).await
}

/// In parts: if the body breaks off, the received bytes are kept.
async fn append_parts(to: &Target, mut body: BodyDataStream) -> Result<u64, Error> {
    let mut offset = to.upload.received;
    let mut rest = Bytes::new();
    loop {
        // Its memory stays reserved until the bytes are stored.
        let mut part = PartBuffer::default();
        let filled = part.fill(&mut rest, &mut body, &to.memory).await;
        let new_bytes = part.take();
        if new_bytes.len() as u64 > to.upload.size - offset {
            return Err(too_large(to.upload.size).into());
        }
        offset = save(to, offset, new_bytes).await?;
        if filled? == Filled::BodyEnded {
            return Ok(offset);
        }
    }
}

/// Stores new bytes, together with the small parts before them.
async fn save(to: &Target, offset: u64, new_bytes: Bytes) -> Result<u64, Error> {
    if new_bytes.is_empty() {
        return Ok(offset);
    }
    let merged = parts_to_merge(to, offset, new_bytes.len() as u64).await?;
    write(to, offset, merged, new_bytes).await
}

/// Adds a blob of new bytes. If it takes in small parts, it is copied behind them.
async fn save_blob(
    to: &Target,
    offset: u64,
    put: &Put,
    blob: OrphanBlob,
) -> Result<u64, Error> {
    let mut merged = parts_to_merge(to, offset, put.size).await?;
    if merged.is_empty() {
        return add(to, offset, offset, put, blob).await;
    }
    let blob_key = blob.key.clone().unwrap_or_default();
    merged.push(Part { starts_at: offset, size: put.size, blob_key });
    write(to, offset, merged, Bytes::new()).await
}

/// Writes the bytes of `parts` and the new bytes as one part. `parts` end at `offset`, or are
/// new from there on. In memory are only the new bytes, and a chunk of a part.
async fn write(
    to: &Target,
    offset: u64,
    parts: Vec<Part>,
    new_bytes: Bytes,
) -> Result<u64, Error> {
    let starts_at = parts.first().map_or(offset, |part| part.starts_at);
    let old_size: u64 = parts.iter().map(|part| part.size).sum();
    let size = old_size + new_bytes.len() as u64;
    let parts = stream::iter(parts.into_iter().map(Ok::<_, Error>));
    let old_bytes = bytes_of(to.files.blobs.clone(), parts);
    let bytes = old_bytes.chain(stream::iter([Ok::<_, Error>(new_bytes)]));
    let key = key_for(&to.upload);
    let put = to.files.blobs.put(&key, bytes, size).await;
    let put = match put.map_err(|error| own_error(error.into())) {
        Ok(put) => put,
        // Another request has just replaced a part. In another store every part is missing.
        Err(Error::Blobs(BlobError::NotFound)) => {
            to.files.blobs.check_owner().await?;
            return Err(current_offset(to).await);
        }
        Err(error) => return Err(error),
    };
    let orphan = OrphanBlob { files: to.files.clone(), key: Some(key) };
    match put.size == size {
        true => add(to, offset, starts_at, &put, orphan).await,
        false => Err(current_offset(to).await),
    }
}

/// The last parts that a new one of `size` bytes takes in, in the order of their bytes.
async fn parts_to_merge(to: &Target, offset: u64, size: u64) -> Result<Vec<Part>, Error> {
    if offset == 0 {
        return Ok(Vec::new());
    }
    let (organisation, id) = (to.upload.organisation.clone(), to.upload.upload_id);
    let last = to.files.records.read(scope_of(&to.upload), move |tx| {
        Box::pin(async move {
            uploads::last_parts(tx, &organisation, id, MAX_MERGED_PARTS).await
        })
    });
    let mut last = last.await?;
    if last.first().is_some_and(|part| part.starts_at + part.size != offset) {
        return Err(current_offset(to).await);
    }
    last.truncate(count_merged(last.iter().map(|part| part.size), size));
    last.reverse();
    Ok(last)
}

/// The conflict of a request that came too late.
async fn current_offset(to: &Target) -> Error {
    let (organisation, id) = (to.upload.organisation.clone(), to.upload.upload_id);
    let found = to.files.records.read(scope_of(&to.upload), move |tx| {
        Box::pin(async move { uploads::find(tx, &organisation, id).await })
    });
    match found.await {
        Ok(Some(now)) => wrong_offset(now.received),
        Ok(None) => not_found(),
        Err(error) => error.into(),
    }
}

/// Adds a durable part, if the upload still ends at `offset`. Fails if the bytes are not in the
/// store that this process has reserved: on an empty mount point they would get lost later.
async fn add(
    to: &Target,
    offset: u64,
    starts_at: u64,
    &Put { size, since, .. }: &Put,
    mut bytes: OrphanBlob,
) -> Result<u64, Error> {
    to.files.blobs.check_owner().await?;
    let part = Part { starts_at, size, blob_key: bytes.key.clone().unwrap_or_default() };
    let new = NewPart { part, offset, epoch: Some(to.epoch) };
    let (upload, now) = (to.upload.clone(), clock::now());
    // The other half is for the transaction, and for clock differences.
    let (not_after, not_after_ms) = since.after(to.files.orphan_grace / 2);
    let added = to.files.records.run(scope_of(&to.upload), move |tx| {
        Box::pin(async move {
            // After a long pause of the process or of the machine the janitor may have
            // removed the blob.
            let now_ms = database_clock::now(tx).await?;
            if Instant::now() > not_after || now_ms > not_after_ms {
                return Ok(Appended::No);
            }
            uploads::append_part(tx, &upload, &new, now).await
        })
    });
    let added: Result<Appended, RecordsError> = added.await;
    if may_be_referenced(&added) {
        bytes.key = None;
    }
    match added? {
        Appended::Yes(replaced) => {
            for key in replaced {
                to.files.delete_blob(&key).await;
            }
            Ok(starts_at + size)
        }
        Appended::No => Err(current_offset(to).await),
        Appended::AccountEnded => Err(Error::AccountEnded),
    }
}

/// Whether a row may reference the blob now: after an unconfirmed commit it may. Without
/// a commit the client sends the bytes again.
fn may_be_referenced(added: &Result<Appended, RecordsError>) -> bool {
    match added {
        Ok(appended) => matches!(appended, Appended::Yes(_)),
        Err(error) => error.may_be_committed(),
    }
}

fn scope_of(upload: &Upload) -> Scope {
    Scope::Organisation(upload.organisation.clone())
}

fn key_for(upload: &Upload) -> String {
    format!("parts/{}/{}-{}", upload.organisation, upload.upload_id, FileId::new())
}

/// Reports the upload's size as the limit, because a client does not know the remaining
/// size.
fn too_much(upload: &Upload) -> impl FnOnce(BlobError) -> Error {
    let limit = upload.size;
    move |error| match error {
        BlobError::TooLarge { .. } => BlobError::TooLarge { limit }.into(),
        error => error.into(),
    }
}
