//! Taking more of an upload: cut into pieces, each durable before it counts.
//!
//! A piece is a blob, and a row that is written only if the upload still ends where the
//! piece begins. So a replica that is killed loses at most the piece it was taking, and of
//! two clients that write at one place one is told so.

use crate::app::AppState;
use crate::clock;
use crate::error::Error;
use crate::files::staged::Loose;
use crate::files::store::Files;
use crate::in_full::in_full;
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

/// Bytes of a piece, unless the body ends before.
const PIECE: usize = 1024 * 1024;

/// Takes what the body holds; returns where the upload stands then.
pub(super) async fn append(
    app: &AppState,
    upload: &Upload,
    body: Body,
    checksum: Option<Checksum>,
) -> Result<u64, Error> {
    let left = upload.size - upload.received;
    if body.size_hint().exact().is_some_and(|announced| announced > left) {
        return Err(too_large(upload.size).into());
    }
    let body = body.into_data_stream();
    let (files, upload) = (app.files(), upload.clone());
    // A client that hangs up takes the handler with it, and what the handler has read.
    in_full(async move {
        match checksum {
            Some(checksum) => append_whole(&files, &upload, body, checksum).await,
            None => append_pieces(&files, &upload, body).await,
        }
    })
    .await
}

/// All or nothing: before its last byte nobody knows whether the checksum holds.
async fn append_whole(
    files: &Files,
    upload: &Upload,
    body: BodyDataStream,
    mut checksum: Checksum,
) -> Result<u64, Error> {
    let key = key_for(upload);
    let left = upload.size - upload.received;
    let watched = body.inspect_ok(|bytes| checksum.update(bytes));
    let put = files.blobs.put(&key, watched, left).await.map_err(too_much(upload))?;
    let loose = Loose { files: files.clone(), key: Some(key) };
    checksum.holds()?;
    add(files, upload, upload.received, &put, loose).await
}

/// As much as comes: what is there when the body breaks off is kept.
async fn append_pieces(
    files: &Files,
    upload: &Upload,
    mut body: BodyDataStream,
) -> Result<u64, Error> {
    let mut offset = upload.received;
    let mut rest = Bytes::new();
    loop {
        let mut piece = BytesMut::new();
        let ended = fill(&mut piece, &mut rest, &mut body).await;
        if piece.len() as u64 > upload.size - offset {
            return Err(too_large(upload.size).into());
        }
        offset = save(files, upload, offset, piece.freeze()).await?;
        if ended? {
            return Ok(offset);
        }
    }
}

/// Fills a piece; whether the body has ended. What does not fit stays in `rest`.
async fn fill(
    piece: &mut BytesMut,
    rest: &mut Bytes,
    body: &mut BodyDataStream,
) -> Result<bool, Error> {
    while piece.len() < PIECE {
        if rest.is_empty() {
            match body.next().await {
                Some(Ok(chunk)) => *rest = chunk,
                Some(Err(broken)) => {
                    return Err(BlobError::BrokenBody(broken.into()).into());
                }
                None => return Ok(true),
            }
        }
        let taken = rest.split_to(rest.len().min(PIECE - piece.len()));
        piece.extend_from_slice(&taken);
    }
    Ok(false)
}

async fn save(
    files: &Files,
    upload: &Upload,
    offset: u64,
    piece: Bytes,
) -> Result<u64, Error> {
    let (key, size) = (key_for(upload), piece.len() as u64);
    if size == 0 {
        return Ok(offset);
    }
    let piece = stream::iter([Ok::<_, Infallible>(piece)]);
    let put = files.blobs.put(&key, piece, size).await?;
    add(files, upload, offset, &put, Loose { files: files.clone(), key: Some(key) }).await
}

/// Lets a durable piece count, if the upload still ends where it begins.
async fn add(
    files: &Files,
    upload: &Upload,
    starts_at: u64,
    &Put { size, since, .. }: &Put,
    mut bytes: Loose,
) -> Result<u64, Error> {
    if size == 0 {
        return Ok(starts_at);
    }
    let part = Part { starts_at, size, blob_key: bytes.key.clone().unwrap_or_default() };
    let (scope, now) = (Scope::Organisation(upload.organisation.clone()), clock::now());
    let to = upload.clone();
    // Half of it is left for the transaction, and for clocks that differ.
    let not_after = since + files.orphan_grace / 2;
    let added = files.records.run(scope, move |tx| {
        Box::pin(async move {
            // A process that was stopped for so long may speak of bytes that are gone.
            let in_time = Instant::now() <= not_after;
            if in_time && uploads::add_part(tx, &to, &part, now).await? {
                return Ok(None);
            }
            uploads::find(tx, &to.organisation, to.upload_id).await.map(Some)
        })
    });
    let added: Result<Option<Option<Upload>>, RecordsError> = added.await;
    if may_be_named(&added) {
        bytes.key = None;
    }
    match added? {
        None => Ok(starts_at + size),
        Some(Some(now)) => Err(wrong_offset(now.received)),
        Some(None) => Err(crate::uploads::book::not_found()),
    }
}

/// Whether a row may name the bytes now: a commit that was not heard of may have happened.
/// Before the commit nothing has, and who was told to come back will bring them again.
fn may_be_named(added: &Result<Option<Option<Upload>>, RecordsError>) -> bool {
    match added {
        Ok(refused) => refused.is_none(),
        Err(error) => error.may_be_committed(),
    }
}

fn key_for(upload: &Upload) -> String {
    format!("parts/{}/{}-{}", upload.organisation, upload.upload_id, FileId::new())
}

/// What is left of the upload is no limit that a client knows.
fn too_much(upload: &Upload) -> impl FnOnce(BlobError) -> Error {
    let limit = upload.size;
    move |error| match error {
        BlobError::TooLarge { .. } => BlobError::TooLarge { limit }.into(),
        error => error.into(),
    }
}
