//! What the records say of uploads under way: begun, found, given up.

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

/// An upload of what was asked for, as it is before anything has come.
pub(crate) fn begun(
    app: &AppState,
    owner: &Member,
    upload_id: FileId,
    asked: UploadStart,
    longest: Duration,
) -> Result<Upload, Error> {
    if asked.size > app.max_upload {
        return Err(too_large(app.max_upload).into());
    }
    let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    let fits = (1..=255).contains(&asked.content_type.len());
    if !fits || !asked.content_type.bytes().all(plain) {
        return Err(Refusal::new(ProblemKind::MalformedRequest)
            .detail("A content type is 1 to 255 printable ASCII characters.")
            .into());
    }
    let life = app.upload_life.min(longest).as_millis();
    let created_at = now_ms();
    Ok(Upload {
        upload_id,
        kind: Kind::Tus,
        organisation: owner.organisation.clone(),
        owner: owner.username.clone(),
        name: DisplayName::from_client(&asked.name),
        content_type: asked.content_type,
        size: asked.size,
        received: 0,
        blob_key: None,
        key: None,
        answer: None,
        created_at,
        expires_at: created_at.saturating_add(u64::try_from(life).unwrap_or(u64::MAX)),
    })
}

/// Writes down that an upload begins, and sets its size aside.
pub(crate) async fn begin(
    app: &AppState,
    caller: &Caller,
    upload: &Upload,
) -> Result<(), Error> {
    let subject = upload.upload_id.to_string();
    let deed = caller.audit.row(&caller.member, "upload.started", &subject);
    let (owner, upload, quota) = (caller.member.clone(), upload.clone(), app.quota);
    let started = app.records.run(scope_of(&owner), move |tx| {
        Box::pin(async move { uploads::start(tx, &owner, &upload, quota, &deed).await })
    });
    match started.await? {
        Started::Yes => Ok(()),
        Started::QuotaExceeded => Err(Refusal::new(ProblemKind::QuotaExceeded).into()),
        Started::TooMany => Err(Refusal::new(ProblemKind::TooManyRequests)
            .detail("You have too many uploads under way: finish or give up some.")
            .retry_after(60)
            .into()),
    }
}

/// Forgets an upload that its owner does not want any more, and removes its bytes.
pub(crate) async fn give_up(
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
    let deed = cause.row(owner, "upload.aborted", &id.to_string());
    let owner = owner.clone();
    let removed = app.records.run(scope_of(&owner), move |tx| {
        Box::pin(
            async move { uploads::remove(tx, &owner, id, Removal::GivenUp(&deed)).await },
        )
    });
    let files = app.files();
    for key in removed.await?.ok_or_else(not_found)? {
        files.forget(&key).await;
    }
    Ok(())
}

/// One of the caller's uploads, open or done, whose time is not up.
pub(crate) async fn find_own(
    app: &AppState,
    owner: &Member,
    upload_id: &str,
    kind: Kind,
) -> Result<Upload, Error> {
    let id = FileId::parse(upload_id).ok_or_else(not_found)?;
    let upload = look_up(app, &owner.organisation, id).await?;
    // First of all: whether another's has expired is not for everybody to know.
    let theirs = upload.owner == owner.username && upload.kind == kind;
    in_time(theirs.then_some(upload).ok_or_else(not_found)?)
}

/// Anybody's upload, if it still takes bytes.
pub(crate) async fn find_open(
    app: &AppState,
    organisation: &OrgId,
    id: FileId,
) -> Result<Upload, Error> {
    let upload = in_time(look_up(app, organisation, id).await?)?;
    match upload.answer {
        None => Ok(upload),
        Some(_) => Err(Refusal::new(ProblemKind::UploadNotFound)
            .detail("The upload is complete and takes no more bytes.")
            .into()),
    }
}

async fn look_up(
    app: &AppState,
    organisation: &OrgId,
    id: FileId,
) -> Result<Upload, Error> {
    let organisation = organisation.clone();
    let scope = Scope::Organisation(organisation.clone());
    let found = app.records.look(scope, move |tx| {
        Box::pin(async move { uploads::find(tx, &organisation, id).await })
    });
    found.await?.ok_or_else(not_found)
}

/// What was completed is remembered for longer than it could be completed.
fn in_time(upload: Upload) -> Result<Upload, Error> {
    match upload.expires_at > now_ms() || upload.answer.is_some() {
        true => Ok(upload),
        false => Err(Refusal::new(ProblemKind::UploadExpired).into()),
    }
}

pub(crate) fn not_found() -> Error {
    Refusal::new(ProblemKind::UploadNotFound).into()
}
