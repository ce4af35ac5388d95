//! Completes an upload: from received bytes to a file.
//!
//! Every step can be repeated, on any replica, by the client or the janitor. One request
//! at a time has the claim to make the file; others wait for its outcome. If a paused
//! replica loses its claim and goes on, one transaction decides which try counts.

use crate::audit::AuditContext;
use crate::error::Error;
use crate::files::charged::own_error;
use crate::files::staged::{NewFile, OrphanBlob, Published, Staged};
use crate::files::store::{Files, scope_of};
use crate::identity::Caller;
use crate::state::AppState;
use crate::uploads::finish_claim::{Claim, FinishClaim};
use crate::uploads::pending::find_open;
use crate::uploads::under_way::MAX_WAIT;
use crate::uploads::writer::Writer;
use api_contract::problem::ProblemKind;
use axum::body::Body;
use blobs::{BlobError, Blobs, Moment, Put};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http_edge::refusal::Refusal;
use records::uploads::{self, Kind, PARTS_PAGE_SIZE, Part, Upload};
use records::{Member, RecordsError, Scope};
use sha2::{Digest, Sha256};
use std::time::Duration;
use tracing::Instrument;
use upload_domain::file_id::FileId;
use upload_domain::hex::hex;

/// The request, or the janitor, that completes an upload.
pub(crate) struct Finisher<'a> {
    owner: Member,
    cause: &'a AuditContext,
    /// The account's epoch when the request was authorised.
    epoch: Option<i64>,
    /// The hash of the session id, if the database keeps the session.
    session: Option<String>,
    max_wait: Duration,
}

impl<'a> Finisher<'a> {
    /// A request of the owner.
    pub(crate) fn request(
        caller: &'a Caller,
        epoch: Option<i64>,
        session: Option<String>,
    ) -> Self {
        let (owner, cause) = (caller.member.clone(), &caller.audit);
        Self { owner, cause, epoch, session, max_wait: MAX_WAIT }
    }

    /// The janitor. It has other work than to wait for a request.
    pub(crate) const fn janitor(owner: Member, cause: &'a AuditContext) -> Self {
        Self { owner, cause, epoch: None, session: None, max_wait: Duration::ZERO }
    }
}

/// Receives the bytes of a signed `PUT`, first under their own key, so that a broken try
/// leaves an earlier one intact.
pub(crate) async fn receive(
    app: AppState,
    upload: Upload,
    key: String,
    body: Body,
) -> Result<(), Error> {
    let files = app.files();
    let writer = Writer::claim(&files, &upload, upload.epoch).await?;
    let draft = format!("{key}-{}", FileId::new());
    let body = writer.watch(body.into_data_stream());
    let put = files.blobs.put(&draft, body, upload.size).await;
    let put = put.map_err(|error| own_error(error.into()))?;
    let _removed_on_drop = OrphanBlob { files: files.clone(), key: Some(draft.clone()) };
    if put.size != upload.size {
        return Err(incomplete(put.size, upload.size));
    }
    writer.check().await?;
    // The bytes may have gone to a folder below a mount that is gone.
    files.blobs.check_owner().await?;
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
    upload: Upload,
    by: Finisher<'_>,
) -> Result<Published, Error> {
    if let Some(answer) = &upload.answer {
        return Published::repeated(answer);
    }
    let claim = match FinishClaim::wait(app, &upload, by.epoch, by.max_wait).await? {
        Claim::Own(claim) => claim,
        Claim::Done(answer) => return Published::repeated(&answer),
    };
    let made = make_file(app, &upload, by).await;
    if made.is_err() {
        claim.release().await;
    }
    made
}

async fn make_file(
    app: &AppState,
    upload: &Upload,
    by: Finisher<'_>,
) -> Result<Published, Error> {
    let (files, id) = (app.files(), upload.upload_id);
    let Finisher { owner, cause, session, .. } = &by;
    // The transaction that publishes the file removes these rows.
    let first = page_of(&files, upload, 0).await?;
    let staged = match upload.kind {
        Kind::Presigned => adopt(&files, upload, &by).await,
        Kind::Tus => compose(&files, upload, &by).await,
    };
    let published = match staged {
        Ok(staged) => match staged.publish(Some(id), session.clone(), cause).await {
            Err(error) => {
                return Err(remove_if_unrecoverable(app, owner, id, cause, error).await);
            }
            Ok(published) => published,
        },
        // Another replica may have completed it and removed its parts.
        Err(error) => return find_completed(app, owner, id, error).await,
    };
    let parts = first.into_iter().map(|part| part.blob_key);
    let keys = parts.chain(upload.blob_key.clone()).collect();
    // The client need not wait for it. If the process ends first, the janitor removes them.
    tokio::spawn(remove_blobs(files, upload.clone(), keys).in_current_span());
    Ok(published)
}

/// Removes the blobs of a completed upload: those with these keys, and its other parts.
async fn remove_blobs(files: Files, upload: Upload, keys: Vec<String>) {
    for key in keys {
        files.delete_blob(&key).await;
    }
    if let Err(error) = discard_parts(&files, &upload).await {
        let id = upload.upload_id;
        tracing::warn!(upload_id = %id, %error, "the parts stay until the upload expires");
    }
}

/// Removes the other parts of a completed upload: the file has their bytes.
async fn discard_parts(files: &Files, upload: &Upload) -> Result<(), RecordsError> {
    loop {
        let (organisation, id) = (upload.organisation.clone(), upload.upload_id);
        let scope = Scope::Organisation(organisation.clone());
        let keys = files.records.run(scope, move |tx| {
            Box::pin(async move { uploads::discard_parts(tx, &organisation, id).await })
        });
        let keys = keys.await?;
        if keys.is_empty() {
            return Ok(());
        }
        for key in keys {
            files.delete_blob(&key).await;
        }
    }
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
        None => {
            // In another store all bytes are missing: the client must not send them again.
            app.blobs.check_owner().await?;
            Err(error)
        }
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

fn new_file(upload: &Upload, by: &Finisher<'_>) -> NewFile {
    NewFile {
        owner: by.owner.clone(),
        name: upload.name.clone(),
        content_type: upload.content_type.clone(),
        key: upload.key.clone(),
        limit: upload.size,
        epoch: by.epoch,
    }
}

/// Takes over the bytes of a signed URL. They are copied before they are hashed, because
/// the URL still accepts writes.
async fn adopt(
    files: &Files,
    upload: &Upload,
    by: &Finisher<'_>,
) -> Result<Staged, Error> {
    let from = upload.blob_key.as_deref().unwrap_or_default();
    // Before the copy: a bucket takes more bytes than were announced, and no quota counts them.
    require_whole(files, from, upload).await?;
    let (file_id, key) = files.allocate(&by.owner);
    let since = Moment::now();
    match files.blobs.copy(from, &key).await {
        Err(BlobError::NotFound) => return Err(incomplete(0, upload.size)),
        copied => copied?,
    }
    let mut copy = OrphanBlob { files: files.clone(), key: Some(key.clone()) };
    require_whole(files, &key, upload).await?;
    let mut hash = Sha256::new();
    let mut bytes = files.blobs.get(&key, None).await?;
    while let Some(chunk) = bytes.try_next().await? {
        hash.update(&chunk);
    }
    let put = Put { size: upload.size, sha256: hex(&hash.finalize()), since };
    copy.key = None;
    Ok(files.staged(new_file(upload, by), file_id, key, put))
}

/// Refuses a blob that has not the announced size.
async fn require_whole(files: &Files, key: &str, upload: &Upload) -> Result<(), Error> {
    match files.blobs.size(key).await {
        Err(BlobError::NotFound) => Err(incomplete(0, upload.size)),
        Ok(stored) if stored != upload.size => Err(incomplete(stored, upload.size)),
        found => Ok(found.map(drop)?),
    }
}

/// Concatenates the parts of a tus upload.
async fn compose(
    files: &Files,
    upload: &Upload,
    by: &Finisher<'_>,
) -> Result<Staged, Error> {
    if upload.received != upload.size {
        return Err(incomplete(upload.received, upload.size));
    }
    let staged = files.stage(new_file(upload, by), pieces(files, upload)).await;
    let staged = staged.map_err(|error| match error {
        Error::Blobs(BlobError::BrokenBody(cause)) => match cause.downcast() {
            Ok(own) => *own,
            Err(cause) => Error::Broken(cause),
        },
        error => error,
    })?;
    match staged.meta.size == upload.size {
        true => Ok(staged),
        false => Err(incomplete(staged.meta.size, upload.size)),
    }
}

/// The bytes of all parts. The rows are read page by page: a client may have made many.
fn pieces(
    files: &Files,
    upload: &Upload,
) -> impl Stream<Item = Result<Bytes, Error>> + Unpin + Send + use<> {
    let (files, blobs, upload) = (files.clone(), files.blobs.clone(), upload.clone());
    let pages = stream::try_unfold(Some(0), move |from| {
        let (files, upload) = (files.clone(), upload.clone());
        async move {
            let Some(from) = from else {
                return Ok::<_, Error>(None);
            };
            let page = page_of(&files, &upload, from).await?;
            let next = page.last().map(|part| part.starts_at + part.size);
            let next = next.filter(|_| page.len() == PARTS_PAGE_SIZE);
            Ok(Some((stream::iter(page.into_iter().map(Ok::<_, Error>)), next)))
        }
    });
    bytes_of(blobs, pages.try_flatten())
}

/// The bytes of some parts, one after the other.
pub(crate) fn bytes_of<S>(
    blobs: Blobs,
    parts: S,
) -> impl Stream<Item = Result<Bytes, Error>> + Unpin + Send + use<S>
where
    S: Stream<Item = Result<Part, Error>> + Send + 'static,
{
    let pieces = parts.and_then(move |part: Part| {
        let blobs = blobs.clone();
        async move {
            let piece = blobs.get(&part.blob_key, None).await?;
            Ok::<_, Error>(piece.map_err(Error::from))
        }
    });
    pieces.try_flatten().boxed()
}

async fn page_of(files: &Files, upload: &Upload, from: u64) -> Result<Vec<Part>, Error> {
    let (organisation, id) = (upload.organisation.clone(), upload.upload_id);
    let scope = Scope::Organisation(organisation.clone());
    let page = files.records.read(scope, move |tx| {
        Box::pin(async move { uploads::parts(tx, &organisation, id, from).await })
    });
    Ok(page.await?)
}

fn incomplete(stored: u64, size: u64) -> Error {
    Refusal::new(ProblemKind::UploadIncomplete)
        .detail(format!(
            "Only {stored} of {size} bytes are stored. Send all bytes first."
        ))
        .into()
}
