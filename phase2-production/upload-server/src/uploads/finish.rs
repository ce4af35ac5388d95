//! The end of an upload: from bytes that lie about to a file.
//!
//! Every step may be repeated, on any replica, by the client or by the janitor: each try
//! gathers the bytes under a key of its own, and one transaction decides whose counts.

use crate::app::AppState;
use crate::audit::AuditContext;
use crate::error::Error;
use crate::files::staged::{Loose, NewFile, Published, Staged};
use crate::files::store::{Files, scope_of};
use crate::uploads::book::find_open;
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

/// Takes the bytes of a signed `PUT`: under a key of their own first, so that a try that
/// breaks off leaves an earlier one as it was.
pub(crate) async fn receive(
    app: AppState,
    upload: Upload,
    key: String,
    body: Body,
) -> Result<(), Error> {
    let files = app.files();
    let draft = format!("{key}-{}", FileId::new());
    let put = files.blobs.put(&draft, body.into_data_stream(), upload.size).await?;
    let _gone_at_the_end = Loose { files: files.clone(), key: Some(draft.clone()) };
    if put.size != upload.size {
        return Err(incomplete(put.size, upload.size));
    }
    files.blobs.copy(&draft, &key).await?;
    // Whoever ended the upload meanwhile has looked for bytes under this key before these
    // came, or finds them: then or now, they go.
    let still = find_open(&app, &upload.organisation, upload.upload_id).await;
    if matches!(still, Err(Error::Refused(_))) {
        files.forget(&key).await;
    }
    still.map(drop)
}

/// Makes a file of an upload whose bytes are all there, or says what it has become before.
pub(crate) async fn finish(
    app: &AppState,
    owner: &Member,
    upload: Upload,
    session: Option<String>,
    cause: &AuditContext,
) -> Result<Published, Error> {
    if let Some(answer) = &upload.answer {
        return Published::again(answer);
    }
    let files = app.files();
    let (scope, organisation) = (scope_of(owner), owner.organisation.clone());
    let id = upload.upload_id;
    let parts = files.records.look(scope, move |tx| {
        Box::pin(async move { uploads::parts(tx, &organisation, id).await })
    });
    let parts = parts.await?;
    let staged = match upload.kind {
        Kind::Presigned => adopt(&files, owner, &upload).await,
        Kind::Tus => compose(&files, owner, &upload, &parts).await,
    };
    let published = match staged {
        Ok(staged) => match staged.publish(Some(id), session, cause).await {
            Err(error) => return Err(hopeless(app, owner, id, cause, error).await),
            Ok(published) => published,
        },
        // Somebody else may have finished it, and removed what it was made of.
        Err(error) => return finished_meanwhile(app, owner, id, error).await,
    };
    let used = parts.into_iter().map(|part| part.blob_key).chain(upload.blob_key);
    for key in used {
        files.forget(&key).await;
    }
    Ok(published)
}

async fn finished_meanwhile(
    app: &AppState,
    owner: &Member,
    id: FileId,
    error: Error,
) -> Result<Published, Error> {
    let (scope, organisation) = (scope_of(owner), owner.organisation.clone());
    let found = app.records.look(scope, move |tx| {
        Box::pin(async move { uploads::find(tx, &organisation, id).await })
    });
    match found.await?.and_then(|upload| upload.answer) {
        Some(answer) => Published::again(&answer),
        None => Err(error),
    }
}

/// An upload whose idempotency key turns out to be another's can never be finished. It is
/// given up, so that it fills nobody's quota.
async fn hopeless(
    app: &AppState,
    owner: &Member,
    id: FileId,
    cause: &AuditContext,
    error: Error,
) -> Error {
    let reused = ProblemKind::IdempotencyKeyReused;
    if matches!(&error, Error::Refused(refusal) if refusal.kind() == reused)
        && let Err(failed) = crate::uploads::book::remove(app, owner, id, cause).await
    {
        tracing::warn!(error = %failed, "an upload is left until it expires");
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

/// Takes over what was put to a signed URL. It is copied before it is looked at: the URL
/// still works, and what was hashed must be what is kept.
async fn adopt(files: &Files, owner: &Member, upload: &Upload) -> Result<Staged, Error> {
    let from = upload.blob_key.as_deref().unwrap_or_default();
    let (file_id, key) = files.place_for(owner);
    let since = Instant::now();
    match files.blobs.copy(from, &key).await {
        Err(BlobError::NotFound) => return Err(incomplete(0, upload.size)),
        copied => copied?,
    }
    let mut copy = Loose { files: files.clone(), key: Some(key.clone()) };
    let there = files.blobs.size(&key).await?;
    if there != upload.size {
        return Err(incomplete(there, upload.size));
    }
    let mut hash = Sha256::new();
    let mut bytes = files.blobs.get(&key, None).await?;
    while let Some(chunk) = bytes.try_next().await? {
        hash.update(&chunk);
    }
    let put = Put { size: there, sha256: hex(&hash.finalize()), since };
    copy.key = None;
    Ok(files.staged(new_file(owner, upload), file_id, key, put))
}

/// Puts the pieces of a tus upload together.
async fn compose(
    files: &Files,
    owner: &Member,
    upload: &Upload,
    parts: &[Part],
) -> Result<Staged, Error> {
    let there = parts.iter().map(|part| part.size).sum();
    if there != upload.size {
        return Err(incomplete(there, upload.size));
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

fn incomplete(there: u64, size: u64) -> Error {
    Refusal::new(ProblemKind::UploadIncomplete)
        .detail(format!("{there} of {size} bytes are here."))
        .into()
}
