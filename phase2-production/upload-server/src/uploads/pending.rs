//! Rows of unfinished uploads: create, find, abort.

use crate::app::AppState;
use crate::audit::AuditContext;
use crate::clock::now_ms;
use crate::error::Error;
use crate::files::store::scope_of;
use crate::identity::Caller;
use api_contract::problem::ProblemKind;
use api_contract::uploads::UploadStart;
use http_edge::refusal::Refusal;
use http_edge::upload_form::too_large;
use records::uploads::{self, Kind, Removal, Started, Upload};
use records::{Member, OrgId, Scope};
use std::time::Duration;
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;

/// An upload before the first byte.
pub(crate) fn new_upload(
    app: &AppState,
    owner: &Member,
    upload_id: FileId,
    request: UploadStart,
    max_ttl: Duration,
) -> Result<Upload, Error> {
    if request.size > app.max_upload {
        return Err(too_large(app.max_upload).into());
    }
    let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    let fits = (1..=255).contains(&request.content_type.len());
    if !fits || !request.content_type.bytes().all(plain) {
        return Err(Refusal::new(ProblemKind::MalformedRequest)
            .detail("Use a content type of 1 to 255 printable ASCII characters.")
            .into());
    }
    let ttl = app.upload_ttl.min(max_ttl).as_millis();
    let created_at = now_ms();
    Ok(Upload {
        upload_id,
        kind: Kind::Tus,
        organisation: owner.organisation.clone(),
        owner: owner.username.clone(),
        name: DisplayName::from_client(&request.name),
        content_type: request.content_type,
        size: request.size,
        received: 0,
        blob_key: None,
        key: None,
        answer: None,
        created_at,
        expires_at: created_at.saturating_add(u64::try_from(ttl).unwrap_or(u64::MAX)),
    })
}

/// Writes the row of an upload, and reserves its size in the quota.
pub(crate) async fn create(
    app: &AppState,
    caller: &Caller,
    upload: &Upload,
) -> Result<(), Error> {
    let subject = upload.upload_id.to_string();
    let row = caller.audit.row(&caller.member, "upload.started", &subject);
    let (owner, upload, quota) = (caller.member.clone(), upload.clone(), app.quota);
    let started = app.records.run(scope_of(&owner), move |tx| {
        Box::pin(async move { uploads::start(tx, &owner, &upload, quota, &row).await })
    });
    match started.await? {
        Started::Yes => Ok(()),
        Started::QuotaExceeded => Err(Refusal::new(ProblemKind::QuotaExceeded).into()),
        Started::TooMany => Err(Refusal::new(ProblemKind::TooManyRequests)
            .detail("You have too many unfinished uploads. Complete or abort some.")
            .retry_after(60)
            .into()),
    }
}

/// Removes an upload of the caller, and its bytes.
pub(crate) async fn abort(
    app: &AppState,
    caller: &Caller,
    upload_id: &str,
) -> Result<(), Error> {
    let id = FileId::parse(upload_id).ok_or_else(not_found)?;
    remove(app, &caller.member, id, &caller.audit).await
}

pub(crate) async fn remove(
    app: &AppState,
    owner: &Member,
    id: FileId,
    cause: &AuditContext,
) -> Result<(), Error> {
    let row = cause.row(owner, "upload.aborted", &id.to_string());
    let owner = owner.clone();
    let removed = app.records.run(scope_of(&owner), move |tx| {
        Box::pin(
            async move { uploads::remove(tx, &owner, id, Removal::Aborted(&row)).await },
        )
    });
    let files = app.files();
    for key in removed.await?.ok_or_else(not_found)? {
        files.delete_blob(&key).await;
    }
    Ok(())
}

/// One of the caller's uploads, unfinished or completed, that has not expired.
pub(crate) async fn find_own(
    app: &AppState,
    owner: &Member,
    upload_id: &str,
    kind: Kind,
) -> Result<Upload, Error> {
    let id = FileId::parse(upload_id).ok_or_else(not_found)?;
    let upload = find(app, &owner.organisation, id).await?;
    // Check the owner first: other callers must not learn that the upload has expired.
    let is_own = upload.owner == owner.username && upload.kind == kind;
    reject_expired(is_own.then_some(upload).ok_or_else(not_found)?)
}

/// An unfinished upload of any owner.
pub(crate) async fn find_open(
    app: &AppState,
    organisation: &OrgId,
    id: FileId,
) -> Result<Upload, Error> {
    let upload = reject_expired(find(app, organisation, id).await?)?;
    match upload.answer {
        None => Ok(upload),
        Some(_) => Err(Refusal::new(ProblemKind::UploadNotFound)
            .detail("The upload is complete and takes no more bytes.")
            .into()),
    }
}

async fn find(app: &AppState, organisation: &OrgId, id: FileId) -> Result<Upload, Error> {
    let organisation = organisation.clone();
    let scope = Scope::Organisation(organisation.clone());
    let found = app.records.read(scope, move |tx| {
        Box::pin(async move { uploads::find(tx, &organisation, id).await })
    });
    found.await?.ok_or_else(not_found)
}

/// A completed upload is kept for longer than its own expiry.
fn reject_expired(upload: Upload) -> Result<Upload, Error> {
    match upload.expires_at > now_ms() || upload.answer.is_some() {
        true => Ok(upload),
        false => Err(Refusal::new(ProblemKind::UploadExpired).into()),
    }
}

pub(crate) fn not_found() -> Error {
    Refusal::new(ProblemKind::UploadNotFound).into()
}
