//! Uploads past the API: a signed URL, a `PUT` to it, and a call to complete it. With an
//! S3 store the URL is the store's own.

pub(crate) mod finish;
mod finish_claim;
pub(crate) mod pending;
pub(crate) mod signed_url;
pub(crate) mod under_way;
pub(crate) mod writer;

use crate::clock::now_ms;
use crate::error::Error;
use crate::files::created;
use crate::files::store::scope_of;
use crate::identity::Caller;
use crate::state::AppState;
use api_contract::Message;
use api_contract::problem::ProblemKind;
use api_contract::uploads::{
    PendingUpload, PendingUploads, UploadComplete, UploadKind, UploadStart, UploadStarted,
};
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_edge::json_body::JsonBody;
use http_edge::refusal::Refusal;
use http_edge::upload_form::too_large;
use pending::{Pending, create, find_open, find_own, new_upload, not_found};
use records::uploads::{self, Kind, Upload};
use signed_url::SignedQuery;
use std::collections::BTreeMap;
use std::time::Duration;
use upload_domain::file_id::FileId;

/// Longest lifetime of a signed URL.
const MAX_URL_TTL: Duration = Duration::from_secs(60 * 60);

/// `POST /api/uploads/start`: returns a signed URL.
pub(crate) async fn start(
    State(app): State<AppState>,
    caller: Caller,
    JsonBody(request): JsonBody<UploadStart>,
) -> Result<Response, Error> {
    let upload_id = FileId::new();
    let organisation = &caller.member.organisation;
    let upload = Upload {
        kind: Kind::Presigned,
        blob_key: Some(format!("incoming/{organisation}/{upload_id}")),
        ..new_upload(&app, &caller.member, upload_id, &request, MAX_URL_TTL)?
    };
    let upload = create(&app, &caller, &upload).await?;
    let key = upload.blob_key.as_deref().unwrap_or_default();
    let ttl = Duration::from_millis(upload.expires_at.saturating_sub(now_ms()));
    let url = match app.blobs.presign_put(key, ttl).await? {
        Some(url) => url.to_string(),
        None => signed_url::sign(&app.secret, &upload),
    };
    let started = UploadStarted {
        upload_id: upload_id.to_string(),
        method: "PUT".to_owned(),
        url,
        headers: BTreeMap::new(),
        expires_at: upload.expires_at,
    };
    Ok((StatusCode::CREATED, Json(started)).into_response())
}

/// `PUT /api/uploads/{upload_id}/content`: the URL is the credential. The bytes of an
/// earlier try are replaced atomically, up to the announced size. A completed upload
/// takes no bytes, because its quota is charged to the file.
pub(crate) async fn receive(
    State(app): State<AppState>,
    Path(upload_id): Path<String>,
    query: Result<Query<SignedQuery>, QueryRejection>,
    body: Body,
) -> Result<Json<Message>, Error> {
    let invalid_signature = || Error::from(Refusal::new(ProblemKind::SignatureInvalid));
    let Query(signed) = query.map_err(|_incomplete| invalid_signature())?;
    let id = FileId::parse(&upload_id).ok_or_else(invalid_signature)?;
    let organisation = signed_url::check(&app.secret, id, &signed, now_ms());
    let organisation = organisation.map_err(Refusal::new)?;
    let upload = find_open(&app, &organisation, id).await?;
    // A count of its own, so that the holder of a URL cannot use up the owner's requests.
    app.limits.request(&format!("signed:{id}")).await?;
    let key = upload.blob_key.clone().ok_or_else(not_found)?;
    let announced = http_body::Body::size_hint(&body).exact();
    if announced.is_some_and(|announced| announced > upload.size) {
        return Err(too_large(upload.size).into());
    }
    let permit = app.uploads_under_way.acquire(&upload.owner)?;
    let received = tokio::spawn(async move {
        let _permit = permit;
        finish::receive(app, upload, key, body).await
    });
    received.await.map_err(Error::broken)??;
    let message = "The bytes are stored. Now complete the upload.".to_owned();
    Ok(Json(Message { message }))
}

/// `POST /api/uploads/complete`: turns the bytes into a file.
pub(crate) async fn complete(
    State(app): State<AppState>,
    caller: Caller,
    JsonBody(request): JsonBody<UploadComplete>,
) -> Result<Response, Error> {
    let Pending { upload, epoch } =
        find_own(&app, &caller.member, &request.upload_id, Kind::Presigned).await?;
    if upload.epoch.is_some_and(|started| started != epoch) {
        // The URL is older than a sign-out everywhere: anyone may have sent the bytes.
        return Err(Error::AccountEnded);
    }
    let finished = tokio::spawn(async move {
        let session = app.identity.session_in_records(&caller.auth);
        let by = finish::Finisher::request(&caller, Some(epoch), session);
        let published = finish::finish(&app, upload, by).await?;
        published.add_to_session(&app, &caller).await;
        Ok::<_, Error>(published.created)
    });
    Ok(created(finished.await.map_err(Error::broken)??))
}

/// `GET /api/uploads`: the caller's unfinished uploads.
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<PendingUploads>, Error> {
    let (scope, owner, now) = (scope_of(&caller.member), caller.member, caller.audit.at);
    let open = app.records.read(scope, move |tx| {
        Box::pin(async move { uploads::list(tx, &owner, now).await })
    });
    let uploads = open.await?.into_iter().map(to_pending_upload).collect();
    Ok(Json(PendingUploads { uploads }))
}

/// `DELETE /api/uploads/{upload_id}`: aborts an upload.
pub(crate) async fn abort(
    State(app): State<AppState>,
    caller: Caller,
    Path(upload_id): Path<String>,
) -> Result<Json<Message>, Error> {
    pending::abort(&app, &caller, &upload_id).await?;
    Ok(Json(Message { message: "The upload is aborted.".to_owned() }))
}

fn to_pending_upload(upload: Upload) -> PendingUpload {
    PendingUpload {
        upload_id: upload.upload_id.to_string(),
        kind: match upload.kind {
            Kind::Presigned => UploadKind::Presigned,
            Kind::Tus => UploadKind::Tus,
        },
        name: upload.name.into(),
        content_type: upload.content_type,
        size: upload.size,
        received: upload.received,
        created_at: upload.created_at,
        expires_at: upload.expires_at,
    }
}
