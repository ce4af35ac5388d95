//! Resumable uploads: tus 1.0 with creation, checksum, expiration and termination.
//!
//! Acknowledged bytes are durable. A client that lost its replica asks any other one for
//! the offset and continues there. Protocol and client libraries: <https://tus.io>.

mod append;
mod checksum;
mod headers;
mod merge;
mod metadata;
mod part_buffer;
mod routes;

pub(crate) use routes::routes;

use crate::error::Error;
use crate::files;
use crate::files::staged::Published;
use crate::identity::Caller;
use crate::state::AppState;
use crate::uploads::finish::{Finisher, finish as finish_upload};
use crate::uploads::pending::{self, Pending};
use api_contract::problem::ProblemKind;
use api_contract::uploads::{TUS_MEDIA_TYPE, UploadStart, headers as names};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use checksum::Checksum;
use headers::{count_of, expires, require_version, text_of, with_version};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_edge::media_type;
use http_edge::refusal::Refusal;
use metadata::Metadata;
use records::uploads::{Kind, Upload};
use std::time::Duration;
use upload_domain::file_id::FileId;

/// `OPTIONS`: the server's capabilities, without authentication.
async fn options(State(app): State<AppState>) -> Response {
    headers::capabilities(app.max_upload)
}

/// `POST /api/tus`: starts an upload.
async fn create(
    State(app): State<AppState>,
    caller: Result<Caller, Error>,
    headers: HeaderMap,
) -> Response {
    with_version(create_upload(app, caller, &headers).await)
}

/// `HEAD /api/tus/{upload_id}`: returns the offset.
async fn offset(
    State(app): State<AppState>,
    caller: Result<Caller, Error>,
    Path(upload_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    with_version(read_offset(app, caller, &upload_id, &headers).await)
}

/// `PATCH /api/tus/{upload_id}`: appends bytes.
async fn append(
    State(app): State<AppState>,
    caller: Result<Caller, Error>,
    Path(upload_id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    with_version(append_body(app, caller, &upload_id, &headers, body).await)
}

/// `DELETE /api/tus/{upload_id}`: aborts an upload, or forgets a completed one.
async fn terminate(
    State(app): State<AppState>,
    caller: Result<Caller, Error>,
    Path(upload_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let aborted = async {
        require_version(&headers)?;
        pending::terminate(&app, &caller?, &upload_id).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    with_version(aborted.await)
}

async fn create_upload(
    app: AppState,
    caller: Result<Caller, Error>,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    require_version(headers)?;
    let caller = caller?;
    headers::reject_unsupported(headers)?;
    let size = count_of(headers, names::UPLOAD_LENGTH)?;
    let metadata = text_of(headers, names::UPLOAD_METADATA)?;
    let Metadata { name, content_type } = Metadata::parse(metadata.unwrap_or_default())?;
    let content_type = media_type::declared(content_type.as_deref())?;
    let request = UploadStart { name, content_type, size };
    let unlimited = Duration::MAX;
    let upload = Upload {
        kind: Kind::Tus,
        key: files::idempotency_key(headers)?.map(|key| key.digest()),
        metadata: metadata.map(str::to_owned),
        ..pending::new_upload(&app, &caller.member, FileId::new(), &request, unlimited)?
    };
    let upload = pending::create(&app, &caller, &upload).await?;
    let path = format!("{}/{}", api_contract::paths::TUS, upload.upload_id);
    let location = HeaderValue::from_str(&path).map_err(Error::broken)?;
    let mut response = StatusCode::CREATED.into_response();
    response.headers_mut().insert(LOCATION, location);
    expires(&mut response, &upload);
    if upload.size == 0 {
        let published = finish(&app, caller, upload, None).await?;
        headers::file_id(&mut response, &published.created.file_id)?;
    }
    Ok(response)
}

async fn read_offset(
    app: AppState,
    caller: Result<Caller, Error>,
    upload_id: &str,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    require_version(headers)?;
    let caller = caller?;
    let Pending { upload, epoch } =
        pending::find_own(&app, &caller.member, upload_id, Kind::Tus).await?;
    let mut response = StatusCode::OK.into_response();
    headers::progress(&mut response, &upload);
    // When the offset reaches the end, the client stops asking; so the file must exist by
    // then.
    if upload.received == upload.size || upload.answer.is_some() {
        let published = finish(&app, caller, upload, Some(epoch)).await?;
        headers::file_id(&mut response, &published.created.file_id)?;
    }
    Ok(response)
}

async fn append_body(
    app: AppState,
    caller: Result<Caller, Error>,
    upload_id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    require_version(headers)?;
    let caller = caller?;
    if !headers::is_chunk(text_of(headers, CONTENT_TYPE.as_str())?) {
        return Err(Refusal::new(ProblemKind::UnsupportedMediaType)
            .detail(format!("Send {TUS_MEDIA_TYPE}."))
            .into());
    }
    let offset = count_of(headers, names::UPLOAD_OFFSET)?;
    let checksum = text_of(headers, names::UPLOAD_CHECKSUM)?;
    let checksum = checksum.map(Checksum::parse).transpose()?;
    let Pending { mut upload, epoch } =
        pending::find_own(&app, &caller.member, upload_id, Kind::Tus).await?;
    if offset != upload.received {
        return Err(headers::wrong_offset(upload.received));
    }
    // From here on a disconnect has no effect: received bytes are kept.
    let work = tokio::spawn(async move {
        let to = Pending { upload: upload.clone(), epoch };
        upload.received = append::append(&app, to, body, checksum).await?;
        let mut response = StatusCode::NO_CONTENT.into_response();
        headers::progress(&mut response, &upload);
        if upload.received == upload.size {
            let published = finish(&app, caller, upload, Some(epoch)).await?;
            headers::file_id(&mut response, &published.created.file_id)?;
        }
        Ok(response)
    });
    work.await.map_err(Error::broken)?
}

/// All bytes are received: turns the upload into a file, unless that is done already.
async fn finish(
    app: &AppState,
    caller: Caller,
    upload: Upload,
    epoch: Option<i64>,
) -> Result<Published, Error> {
    let app = app.clone();
    let finished = tokio::spawn(async move {
        let session = app.identity.session_in_records(&caller.auth);
        let by = Finisher::request(&caller, epoch, session);
        let published = finish_upload(&app, upload, by).await?;
        published.add_to_session(&app, &caller).await;
        Ok(published)
    });
    finished.await.map_err(Error::broken)?
}
