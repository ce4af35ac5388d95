//! Rows of unfinished uploads: create, find, abort.

use crate::audit::AuditContext;
use crate::clock::now_ms;
use crate::error::Error;
use crate::files::charged::too_many;
use crate::files::store::{Files, scope_of};
use crate::identity::Caller;
use crate::run_to_completion::run_to_completion;
use crate::state::AppState;
use crate::uploads::under_way::MAX_WAIT;
use api_contract::problem::ProblemKind;
use api_contract::uploads::UploadStart;
use http_edge::media_type;
use http_edge::refusal::Refusal;
use http_edge::upload_form::too_large;
use records::audit::AuditRow;
use records::uploads::{self, Kind, Removal, Removed, Started, Upload};
use records::{Member, OrgId, Scope, authority, clock};
use std::time::Duration;
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;

/// An upload, and the account's epoch now.
pub(crate) struct Pending {
    pub(crate) upload: Upload,
    pub(crate) epoch: i64,
}

/// An upload before the first byte.
pub(crate) fn new_upload(
    app: &AppState,
    owner: &Member,
    upload_id: FileId,
    request: &UploadStart,
    max_ttl: Duration,
) -> Result<Upload, Error> {
    if request.size > app.max_upload {
        return Err(too_large(app.max_upload).into());
    }
    let ttl = app.upload_ttl.min(max_ttl).as_millis();
    let created_at = now_ms();
    Ok(Upload {
        upload_id,
        kind: Kind::Tus,
        organisation: owner.organisation.clone(),
        owner: owner.username.clone(),
        name: DisplayName::from_client(&request.name),
        content_type: media_type::declared(Some(&request.content_type))?,
        size: request.size,
        received: 0,
        blob_key: None,
        key: None,
        answer: None,
        created_at,
        expires_at: created_at.saturating_add(u64::try_from(ttl).unwrap_or(u64::MAX)),
        metadata: None,
        epoch: None,
    })
}

/// Writes the row of an upload, and reserves its size in the quota. Returns the upload as the
/// row has it: its times are the database's, by which other replicas remove it.
pub(crate) async fn create(
    app: &AppState,
    caller: &Caller,
    upload: &Upload,
) -> Result<Upload, Error> {
    let subject = upload.upload_id.to_string();
    let row = caller.audit.row(&caller.member, "upload.started", &subject);
    let (owner, upload, quota) = (caller.member.clone(), upload.clone(), app.quota);
    let started = app.records.run(scope_of(&owner), move |tx| {
        Box::pin(async move {
            let upload = upload.started_at(clock::now(tx).await?);
            let started = uploads::start(tx, &owner, &upload, quota, &row).await?;
            Ok((started, upload))
        })
    });
    let (started, upload) = started.await?;
    match started {
        Started::Yes => Ok(upload),
        Started::QuotaExceeded => Err(Refusal::new(ProblemKind::QuotaExceeded).into()),
        Started::TooMany => Err(too_many()),
        Started::AccountEnded => Err(Error::AccountEnded),
    }
}

/// Removes an unfinished upload of the caller, and its bytes.
pub(crate) async fn abort(
    app: &AppState,
    caller: &Caller,
    upload_id: &str,
) -> Result<(), Error> {
    let id = FileId::parse(upload_id).ok_or_else(not_found)?;
    remove(app, &caller.member, id, &caller.audit).await
}

/// The same for tus, where it also ends a completed upload. Its file stays.
pub(crate) async fn terminate(
    app: &AppState,
    caller: &Caller,
    upload_id: &str,
) -> Result<(), Error> {
    let id = FileId::parse(upload_id).ok_or_else(not_found)?;
    let row = caller.audit.row(&caller.member, "upload.aborted", &id.to_string());
    remove_all(app, &caller.member, id, row, true).await
}

pub(crate) async fn remove(
    app: &AppState,
    owner: &Member,
    id: FileId,
    cause: &AuditContext,
) -> Result<(), Error> {
    let row = cause.row(owner, "upload.aborted", &id.to_string());
    remove_all(app, owner, id, row, false).await
}

/// Removes an upload, in as many transactions as it needs. The first one closes it.
async fn remove_all(
    app: &AppState,
    owner: &Member,
    id: FileId,
    row: AuditRow,
    may_be_complete: bool,
) -> Result<(), Error> {
    let (files, owner) = (app.files(), owner.clone());
    let removal = run_to_completion(async move {
        loop {
            let row = row.clone();
            let removed = remove_batch(&files, &owner, id, row, may_be_complete).await?;
            for key in removed.blobs {
                files.delete_blob(&key).await;
            }
            if removed.is_last {
                return Ok(());
            }
        }
    });
    // After the wait at least one transaction has closed an upload with very many parts, and
    // its removal goes on.
    tokio::time::timeout(MAX_WAIT, removal).await.unwrap_or(Ok(()))
}

async fn remove_batch(
    files: &Files,
    owner: &Member,
    id: FileId,
    row: AuditRow,
    may_be_complete: bool,
) -> Result<Removed, Error> {
    let (scope, owner) = (scope_of(owner), owner.clone());
    let removed = files.records.run(scope, move |tx| {
        Box::pin(async move {
            if !authority::may_remove(tx, &owner).await? {
                return Ok(None);
            }
            let reason = match may_be_complete {
                true => Removal::Terminated(&row),
                false => Removal::Aborted(&row),
            };
            uploads::remove(tx, &owner, id, reason).await.map(Some)
        })
    });
    removed.await?.ok_or(Error::AccountEnded)?.ok_or_else(not_found)
}

/// One of the caller's uploads, unfinished or completed, that has not expired.
pub(crate) async fn find_own(
    app: &AppState,
    owner: &Member,
    upload_id: &str,
    kind: Kind,
) -> Result<Pending, Error> {
    let id = FileId::parse(upload_id).ok_or_else(not_found)?;
    let (scope, account) = (scope_of(owner), owner.clone());
    let found = app.records.read(scope, move |tx| {
        Box::pin(async move {
            let upload = uploads::find(tx, &account.organisation, id).await?;
            Ok((upload, authority::epoch_of(tx, &account).await?))
        })
    });
    let (upload, epoch) = found.await?;
    let epoch = epoch.ok_or(Error::AccountEnded)?;
    // Check the owner first: other callers must not learn that the upload has expired.
    let is_own = |upload: &Upload| upload.owner == owner.username && upload.kind == kind;
    let upload = reject_expired(upload.filter(is_own).ok_or_else(not_found)?)?;
    Ok(Pending { upload, epoch })
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
