//! Upload, list, read and delete files. Each handler authenticates, parses, acts and
//! replies.

pub(crate) mod charged;
mod reservation;
pub(crate) mod staged;
pub(crate) mod store;

use crate::error::Error;
use crate::identity::Caller;
use crate::state::AppState;
use api_contract::files::{
    DEFAULT_PAGE_SIZE, FileCreated, FileEntry, FileList, FileWithContent, ListQuery,
    MAX_JSON_CONTENT, MAX_PAGE_SIZE,
};
use api_contract::{Message, headers};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use http_edge::file_reply::{self, FileMetadata};
use http_edge::ranges::{Precondition, precondition};
use http_edge::upload_form::UploadForm;
use staged::{NewFile, Published, Staged};
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;
use upload_domain::file_store::FileMeta;
use upload_domain::idempotency::IdempotencyKey;

/// `POST /api/upload`
pub(crate) async fn upload(
    State(app): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    form: UploadForm,
) -> Result<Response, Error> {
    let _permit = app.uploads_under_way.acquire(&caller.member.username)?;
    let epoch = app.files().epoch_of(&caller.member).await?;
    let mut form = form.open(app.max_upload)?;
    let file = form.file().await?;
    let announced = form.announced_size(&file);
    let new = NewFile {
        owner: caller.member.clone(),
        name: DisplayName::from_client(file.file_name()),
        content_type: file.media_type()?,
        key: idempotency_key(&headers)?.map(|key| key.digest()),
        limit: app.max_upload,
        epoch: Some(epoch),
    };
    let staged = app.files().stage_charged(new, announced, file).await?;
    form.finish().await?;
    let created_file = publish_and_record(staged, app, caller).await?;
    Ok(created(created_file))
}

/// Runs both steps in a task, so that a disconnect cannot come between them: the file is
/// published, then added to the session. A repeated upload adds nothing.
async fn publish_and_record(
    staged: Staged,
    app: AppState,
    caller: Caller,
) -> Result<FileCreated, Error> {
    let both = tokio::spawn(async move {
        let session = app.identity.session_in_records(&caller.auth);
        let published = staged.publish(None, session, &caller.audit).await?;
        published.add_to_session(&app, &caller).await;
        let Published { created, .. } = published;
        Ok(created)
    });
    both.await.map_err(Error::broken)?
}

/// `GET /api/files`
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    page: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<FileList>, Error> {
    let Query(page) = page.map_err(|_unreadable| Error::BadPage)?;
    let limit = page.limit.unwrap_or(DEFAULT_PAGE_SIZE);
    if !(1..=MAX_PAGE_SIZE).contains(&limit) {
        return Err(Error::BadPage);
    }
    let after = page.cursor.map(|cursor| FileId::parse(&cursor).ok_or(Error::BadPage));
    let page = app.files().list(&caller.member, after.transpose()?, limit).await?;
    let next_cursor = page.next.map(|id| id.to_string());
    Ok(Json(FileList { files: page.files.into_iter().map(entry).collect(), next_cursor }))
}

/// `GET /api/files/{file_id}`
pub(crate) async fn describe(
    State(app): State<AppState>,
    caller: Caller,
    Path(file_id): Path<String>,
) -> Result<Json<FileWithContent>, Error> {
    let id = FileId::parse(&file_id).ok_or(Error::FileNotFound)?;
    let (meta, file) = app.files().read(&caller.member, id).await?;
    if meta.size > MAX_JSON_CONTENT {
        return Err(Error::TooLargeForJson(meta.file_id));
    }
    let bytes = file.read_to_end().await?;
    Ok(Json(FileWithContent {
        file_id,
        name: meta.name.into(),
        size: meta.size,
        content_type: meta.content_type,
        sha256: meta.sha256,
        content: STANDARD.encode(bytes),
    }))
}

/// `GET /api/files/{file_id}/content`
pub(crate) async fn content(
    State(app): State<AppState>,
    caller: Caller,
    Path(file_id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let id = FileId::parse(&file_id).ok_or(Error::FileNotFound)?;
    let (meta, file) = app.files().read(&caller.member, id).await?;
    let attachment = meta.name.attachment();
    let (size, sha256) = (meta.size, meta.sha256.as_str());
    let facts = FileMetadata { size, sha256, disposition: &attachment };
    file_reply::send_from(facts, &method, &headers, |range| file.range(range)).await
}

/// `DELETE /api/files/{file_id}`
pub(crate) async fn delete(
    State(app): State<AppState>,
    caller: Caller,
    Path(file_id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Json<Message>, Error> {
    let id = FileId::parse(&file_id).ok_or(Error::FileNotFound)?;
    if headers.contains_key(IF_MATCH) || headers.contains_key(IF_NONE_MATCH) {
        // A file never changes, so this check still holds at the deletion.
        let (meta, _content) = app.files().read(&caller.member, id).await?;
        let etag = format!("\"{}\"", meta.sha256);
        if precondition(&method, &headers, &etag) != Precondition::Holds {
            return Err(file_reply::condition_failed().into());
        }
    }
    app.files().delete(&caller.member, id, &caller.audit).await?;
    Ok(Json(Message { message: "The file is deleted.".to_owned() }))
}

pub(crate) fn idempotency_key(
    headers: &HeaderMap,
) -> Result<Option<IdempotencyKey>, Error> {
    let Some(value) = headers.get(headers::IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = value.to_str().ok().and_then(IdempotencyKey::parse);
    key.map(Some).ok_or(Error::BadIdempotencyKey)
}

pub(crate) fn created(body: FileCreated) -> Response {
    let url = body.url.clone();
    (StatusCode::CREATED, [(LOCATION, url)], Json(body)).into_response()
}

fn entry(meta: FileMeta) -> FileEntry {
    FileEntry {
        file_id: meta.file_id.to_string(),
        name: meta.name.into(),
        size: meta.size,
        content_type: meta.content_type,
        sha256: meta.sha256,
        uploaded_at: meta.uploaded_at,
    }
}
