//! Appends to an upload in parts, each durable before it counts.
//!
//! A part is a blob, and a row that is written only if the upload still ends at the
//! part's offset. So a killed replica loses at most the part that it was receiving, and
//! of two clients that write at one offset, one gets a conflict.

use crate::app::AppState;
use crate::clock;
use crate::error::Error;
use crate::files::staged::OrphanBlob;
use crate::files::store::Files;
use crate::run_to_completion::run_to_completion;
use crate::tus::checksum::Checksum;
use crate::tus::headers::wrong_offset;
use axum::body::{Body, BodyDataStream};
use blobs::{BlobError, Put};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body::Body as _;
use http_edge::upload_form::too_large;
use records::uploads::{self, Part, Upload};
use records::{RecordsError, Scope};
use std::convert::Infallible;
use std::time::Instant;
use upload_domain::file_id::FileId;

/// Bytes of a part, unless the body ends earlier.
const PART_BYTES: usize = 1024 * 1024;

/// Appends the body; returns the new offset.
pub(super) async fn append(
    app: &AppState,
    upload: &Upload,
    body: Body,
    checksum: Option<Checksum>,
) -> Result<u64, Error> {
    let remaining = upload.size - upload.received;
    if body.size_hint().exact().is_some_and(|announced| announced > remaining) {
        return Err(too_large(upload.size).into());
    }
    let body = body.into_data_stream();
    let (files, upload) = (app.files(), upload.clone());
    // A disconnect drops the handler and the bytes that it has read.
    run_to_completion(async move {
        match checksum {
            Some(checksum) => append_whole(&files, &upload, body, checksum).await,
            None => append_parts(&files, &upload, body).await,
        }
    })
    .await
}

/// All or nothing, because the checksum can only be verified at the end.
async fn append_whole(
    files: &Files,
    upload: &Upload,
    body: BodyDataStream,
    mut checksum: Checksum,
) -> Result<u64, Error> {
    let key = key_for(upload);
    let remaining = upload.size - upload.received;
    let watched = body.inspect_ok(|bytes| checksum.update(bytes));
    let put =
        files.blobs.put(&key, watched, remaining).await.map_err(too_much(upload))?;
    let orphan = OrphanBlob { files: files.clone(), key: Some(key) };
    checksum.verify()?;
    add(files, upload, upload.received, &put, orphan).await
}

/// In parts: if the body breaks off, the received bytes are kept.
async fn append_parts(
    files: &Files,
    upload: &Upload,
    mut body: BodyDataStream,
) -> Result<u64, Error> {
    let mut offset = upload.received;
    let mut rest = Bytes::new();
    loop {
        let mut part_bytes = BytesMut::new();
        let ended = fill(&mut part_bytes, &mut rest, &mut body).await;
        if part_bytes.len() as u64 > upload.size - offset {
            return Err(too_large(upload.size).into());
        }
        offset = save(files, upload, offset, part_bytes.freeze()).await?;
        if ended? {
            return Ok(offset);
        }
    }
}

/// Fills a part; returns whether the body has ended. Excess bytes stay in `rest`.
async fn fill(
    part_bytes: &mut BytesMut,
    rest: &mut Bytes,
    body: &mut BodyDataStream,
) -> Result<bool, Error> {
    while part_bytes.len() < PART_BYTES {
        if rest.is_empty() {
            match body.next().await {
                Some(Ok(chunk)) => *rest = chunk,
                Some(Err(broken)) => {
                    return Err(BlobError::BrokenBody(broken.into()).into());
                }
                None => return Ok(true),
            }
        }
        let taken = rest.split_to(rest.len().min(PART_BYTES - part_bytes.len()));
        part_bytes.extend_from_slice(&taken);
    }
    Ok(false)
}

async fn save(
    files: &Files,
    upload: &Upload,
    offset: u64,
    part_bytes: Bytes,
) -> Result<u64, Error> {
    let (key, size) = (key_for(upload), part_bytes.len() as u64);
    if size == 0 {
        return Ok(offset);
    }
    let part_bytes = stream::iter([Ok::<_, Infallible>(part_bytes)]);
    let put = files.blobs.put(&key, part_bytes, size).await?;
    add(files, upload, offset, &put, OrphanBlob { files: files.clone(), key: Some(key) })
        .await
}

/// Adds a durable part, if the upload still ends at its offset.
async fn add(
    files: &Files,
    upload: &Upload,
    starts_at: u64,
    &Put { size, since, .. }: &Put,
    mut bytes: OrphanBlob,
) -> Result<u64, Error> {
    if size == 0 {
        return Ok(starts_at);
    }
    let part = Part { starts_at, size, blob_key: bytes.key.clone().unwrap_or_default() };
    let (scope, now) = (Scope::Organisation(upload.organisation.clone()), clock::now());
    let to = upload.clone();
    // The other half is for the transaction, and for clock differences.
    let not_after = since + files.orphan_grace / 2;
    let added = files.records.run(scope, move |tx| {
        Box::pin(async move {
            // After a long pause of the process the janitor may have removed the blob.
            let in_time = Instant::now() <= not_after;
            if in_time && uploads::add_part(tx, &to, &part, now).await? {
                return Ok(None);
            }
            uploads::find(tx, &to.organisation, to.upload_id).await.map(Some)
        })
    });
    let added: Result<Option<Option<Upload>>, RecordsError> = added.await;
    if may_be_referenced(&added) {
        bytes.key = None;
    }
    match added? {
        None => Ok(starts_at + size),
        Some(Some(now)) => Err(wrong_offset(now.received)),
        Some(None) => Err(crate::uploads::pending::not_found()),
    }
}

/// Whether a row may reference the blob now: after an unconfirmed commit it may. Without
/// a commit the client sends the bytes again.
fn may_be_referenced(added: &Result<Option<Option<Upload>>, RecordsError>) -> bool {
    match added {
        Ok(refused) => refused.is_none(),
        Err(error) => error.may_be_committed(),
    }
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
