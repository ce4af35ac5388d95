//! Files: upload, list, read, delete. Each handler does: caller, input, operation, reply.

use crate::error::Error;
use crate::identity::Caller;
use crate::state::AppState;
use api_contract::files::{
    DEFAULT_PAGE_SIZE, FileCreated, FileEntry, FileList, FileWithContent, ListQuery,
    MAX_JSON_CONTENT, MAX_PAGE_SIZE,
};
use api_contract::{Message, headers, paths};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use http_edge::file_reply::{self, StoredFile};
use http_edge::ranges::{Precondition, precondition};
use http_edge::upload_form::UploadForm;
use tokio::io::AsyncReadExt;
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;
use upload_domain::file_store::FileMeta;
use upload_domain::idempotency::IdempotencyKey;
use upload_domain::incoming::NewFile;
use upload_domain::published::Published;

/// `POST /api/upload`
pub(crate) async fn upload(
    State(app): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    form: UploadForm,
) -> Result<Response, Error> {
    let mut form = form.open(app.max_upload)?;
    let file = form.file().await?;
    let new = NewFile {
        owner: caller.username,
        name: DisplayName::from_client(file.file_name()),
        content_type: file.media_type()?,
        key: idempotency_key(&headers)?,
        limit: app.max_upload,
    };
    let staged = app.files.stage(new, file).await?;
    form.finish().await?;
    let Published { meta, .. } = staged.publish().await?;
    Ok(created(meta, &app.replica_id))
}

/// `GET /api/files`
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    page: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<FileList>, Error> {
    let Query(page) = page.map_err(|_invalid| Error::BadPage)?;
    let limit = page.limit.unwrap_or(DEFAULT_PAGE_SIZE);
    if !(1..=MAX_PAGE_SIZE).contains(&limit) {
        return Err(Error::BadPage);
    }
    let after = page.cursor.map(|cursor| FileId::parse(&cursor).ok_or(Error::BadPage));
    let page = app.files.list(&caller.username, after.transpose()?, limit).await?;
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
    let (meta, mut file) = app.files.read(&caller.username, id).await?;
    if meta.size > MAX_JSON_CONTENT {
        return Err(Error::TooLargeForJson(meta.file_id));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).await.map_err(Error::ReadFile)?;
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
    let (meta, file) = app.files.read(&caller.username, id).await?;
    let attachment = meta.name.attachment();
    let (size, sha256) = (meta.size, meta.sha256.as_str());
    let stored = StoredFile { file, size, sha256, disposition: &attachment };
    file_reply::send(stored, &method, &headers).await.map_err(Error::ReadFile)
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
        let (meta, _file) = app.files.read(&caller.username, id).await?;
        let etag = format!("\"{}\"", meta.sha256);
        if precondition(&method, &headers, &etag) != Precondition::Holds {
            return Err(file_reply::condition_failed().into());
        }
    }
    app.files.delete(&caller.username, id).await?;
    Ok(Json(Message { message: "The file is deleted.".to_owned() }))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Error> {
    let Some(value) = headers.get(headers::IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = value.to_str().ok().and_then(IdempotencyKey::parse);
    key.map(Some).ok_or(Error::BadIdempotencyKey)
}

fn created(meta: FileMeta, served_by: &str) -> Response {
    let url = paths::file(&meta.file_id.to_string());
    let body = FileCreated {
        file_id: meta.file_id.to_string(),
        url: url.clone(),
        name: meta.name.into(),
        size: meta.size,
        sha256: meta.sha256,
        served_by: served_by.to_owned(),
    };
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
