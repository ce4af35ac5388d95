//! Wrong: uploads are in a folder of the replica's own machine. Their names are in the database,
//! which is right.

use super::Database;
use axum::extract::{Multipart, Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) const DESCRIPTION: &str = r#"
service = "pictures"

[[step]]
name = "upload"
request = "POST /pictures"
file = { field = "picture", name = "${random.user}.txt", content = "${random.text}" }
capture = { picture = { json = "/id" } }

[[step]]
name = "download"
request = "GET /pictures/${picture}"
equal-text = "${random.text}"
"#;

pub(crate) fn app(database: Database, folder: PathBuf) -> Router {
    Router::new()
        .route("/pictures", post(upload))
        .route("/pictures/{id}", get(download))
        .with_state((database, Arc::new(folder)))
}

type Stores = (Database, Arc<PathBuf>);

async fn upload(
    State((database, folder)): State<Stores>,
    mut form: Multipart,
) -> Result<Json<Value>, StatusCode> {
    let field = form.next_field().await.map_err(|_| StatusCode::BAD_REQUEST)?;
    let field = field.ok_or(StatusCode::BAD_REQUEST)?;
    let id = database.add(field.file_name().unwrap_or_default());
    let bytes = field.bytes().await.map_err(|_| StatusCode::BAD_REQUEST)?;
    std::fs::write(folder.join(&id), bytes)
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(json!({ "id": id })))
}

async fn download(
    State((database, folder)): State<Stores>,
    Path(id): Path<String>,
) -> Result<Vec<u8>, StatusCode> {
    database.get(&id).ok_or(StatusCode::NOT_FOUND)?;
    std::fs::read(folder.join(&id)).map_err(|_| StatusCode::NOT_FOUND)
}
