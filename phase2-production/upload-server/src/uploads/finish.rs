//! Completes an upload: from received bytes to a file.
//!
//! Every step can be repeated, on any replica, by the client or the janitor. Each try
//! collects the bytes under its own key, and one transaction decides which try counts.

use crate::app::AppState;
use crate::audit::AuditContext;
use crate::error::Error;
use crate::files::staged::{NewFile, OrphanBlob, Published, Staged};
use crate::files::store::{Files, scope_of};
use crate::uploads::pending::find_open;
use api_contract::problem::ProblemKind;
use axum::body::Body;
use blobs::{BlobError, Put};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http_edge::refusal::Refusal;
use records::Member;
use records::uploads::{self, Kind, Part, Upload};
use sha2::{Digest, Sha256};
use std::time::Instant;
use upload_domain::file_id::FileId;
use upload_domain::hex::hex;

/// Receives the bytes of a signed `PUT`, first under their own key, so that a broken try
/// leaves an earlier one intact.
pub(crate) async fn receive(
    app: AppState,
    upload: Upload,
    key: String,
    body: Body,
) -> Result<(), Error> {
    let files = app.files();
    let draft = format!("{key}-{}", FileId::new());
    let put = files.blobs.put(&draft, body.into_data_stream(), upload.size).await?;
    let _removed_on_drop = OrphanBlob { files: files.clone(), key: Some(draft.clone()) };
    if put.size != upload.size {
        return Err(incomplete(put.size, upload.size));
    }
    files.blobs.copy(&draft, &key).await?;
    // If the upload ended meanwhile, its cleanup may have run before these bytes came. So
    // they are removed here.
    let still = find_open(&app, &upload.organisation, upload.upload_id).await;
    if matches!(still, Err(Error::Refused(_))) {
        files.delete_blob(&key).await;
    }
    still.map(drop)
}

/// Makes a file of an upload with all its bytes, or returns the file of an earlier call.
pub(crate) async fn finish(
    app: &AppState,
    owner: &Member,
    upload: Upload,
    session: Option<String>,
    cause: &AuditContext,
) -> Result<Published, Error> {
    if let Some(answer) = &upload.answer {
        return Published::repeated(answer);
    }
    let files = app.files();
    let (scope, organisation) = (scope_of(owner), owner.organisation.clone());
    let id = upload.upload_id;
    let parts = files.records.read(scope, move |tx| {
        Box::pin(async move { uploads::parts(tx, &organisation, id).await })
    });
    let parts = parts.await?;
    let staged = match upload.kind {
        Kind::Presigned => adopt(&files, owner, &upload).await,
        Kind::Tus => compose(&files, owner, &upload, &parts).await,
    };
    let published = match staged {
        Ok(staged) => match staged.publish(Some(id), session, cause).await {
            Err(error) => {
                return Err(remove_if_unrecoverable(app, owner, id, cause, error).await);
            }
            Ok(published) => published,
        },
        // Another replica may have completed it and removed its parts.
        Err(error) => return find_completed(app, owner, id, error).await,
    };
    let used = parts.into_iter().map(|part| part.blob_key).chain(upload.blob_key);
    for key in used {
        files.delete_blob(&key).await;
    }
    Ok(published)
}

async fn find_completed(
    app: &AppState,
    owner: &Member,
    id: FileId,
    error: Error,
) -> Result<Published, Error> {
    let (scope, organisation) = (scope_of(owner), owner.organisation.clone());
    let found = app.records.read(scope, move |tx| {
        Box::pin(async move { uploads::find(tx, &organisation, id).await })
    });
    match found.await?.and_then(|upload| upload.answer) {
        Some(answer) => Published::repeated(&answer),
        None => Err(error),
    }
}

/// An upload with an idempotency key that is already used by another file can never be
/// completed. It is removed, so that it does not use the owner's quota.
async fn remove_if_unrecoverable(
    app: &AppState,
    owner: &Member,
    id: FileId,
    cause: &AuditContext,
    error: Error,
) -> Error {
    let reused = ProblemKind::IdempotencyKeyReused;
    if matches!(&error, Error::Refused(refusal) if refusal.kind() == reused)
        && let Err(failed) = crate::uploads::pending::remove(app, owner, id, cause).await
    {
        tracing::warn!(error = %failed, "the upload stays until it expires");
    }
    error
}

fn new_file(owner: &Member, upload: &Upload) -> NewFile {
    NewFile {
        owner: owner.clone(),
        name: upload.name.clone(),
        content_type: upload.content_type.clone(),
        key: upload.key.clone(),
        limit: upload.size,
    }
}

/// Takes over the bytes of a signed URL. They are copied before they are hashed, because
/// the URL still accepts writes.
async fn adopt(files: &Files, owner: &Member, upload: &Upload) -> Result<Staged, Error> {
    let from = upload.blob_key.as_deref().unwrap_or_default();
    let (file_id, key) = files.allocate(owner);
    let since = Instant::now();
    match files.blobs.copy(from, &key).await {
        Err(BlobError::NotFound) => return Err(incomplete(0, upload.size)),
        copied => copied?,
    }
    let mut copy = OrphanBlob { files: files.clone(), key: Some(key.clone()) };
    let stored = files.blobs.size(&key).await?;
    if stored != upload.size {
        return Err(incomplete(stored, upload.size));
    }
    let mut hash = Sha256::new();
    let mut bytes = files.blobs.get(&key, None).await?;
    while let Some(chunk) = bytes.try_next().await? {
        hash.update(&chunk);
    }
    let put = Put { size: stored, sha256: hex(&hash.finalize()), since };
    copy.key = None;
    Ok(files.staged(new_file(owner, upload), file_id, key, put))
}

/// Concatenates the parts of a tus upload.
async fn compose(
    files: &Files,
    owner: &Member,
    upload: &Upload,
    parts: &[Part],
) -> Result<Staged, Error> {
    let stored = parts.iter().map(|part| part.size).sum();
    if stored != upload.size {
        return Err(incomplete(stored, upload.size));
    }
    let staged = files.stage(new_file(owner, upload), pieces(files, parts)).await;
    staged.map_err(|error| match error {
        Error::Blobs(BlobError::BrokenBody(cause)) => match cause.downcast() {
            Ok(store) => Error::Blobs(*store),
            Err(cause) => Error::Broken(cause),
        },
        error => error,
    })
}

fn pieces(
    files: &Files,
    parts: &[Part],
) -> impl Stream<Item = Result<Bytes, BlobError>> + Unpin + Send + use<> {
    let blobs = files.blobs.clone();
    let keys: Vec<_> = parts.iter().map(|part| part.blob_key.clone()).collect();
    let pieces = stream::iter(keys).then(move |key| {
        let blobs = blobs.clone();
        async move { blobs.get(&key, None).await }
    });
    pieces.try_flatten().boxed()
}

fn incomplete(stored: u64, size: u64) -> Error {
    Refusal::new(ProblemKind::UploadIncomplete)
        .detail(format!(
            "Only {stored} of {size} bytes are stored. Send all bytes first."
        ))
        .into()
}
