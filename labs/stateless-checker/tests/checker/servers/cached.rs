//! Wrong: each replica caches its reads, and learns only of its own changes.

use super::{Database, Memory};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;

pub(crate) const DESCRIPTION: &str = r#"
service = "profiles"

[[step]]
name = "create"
request = "PUT /profiles/${random.user}"
text = "before"

[[step]]
name = "look"
request = "GET /profiles/${random.user}"
equal-text = "before"

[[step]]
name = "change"
request = "PUT /profiles/${random.user}"
text = "after"

[[step]]
name = "look again"
request = "GET /profiles/${random.user}"
equal-text = "after"
"#;

pub(crate) fn app(database: Database) -> Router {
    Router::new()
        .route("/profiles/{user}", get(read).put(change))
        .with_state((database, Memory::default()))
}

type Stores = (Database, Memory);

async fn read(
    State((database, copies)): State<Stores>,
    Path(user): Path<String>,
) -> Result<String, StatusCode> {
    if let Some(copy) = copies.get(&user) {
        return Ok(copy);
    }
    let found = database.get(&user).ok_or(StatusCode::NOT_FOUND)?;
    copies.rows().insert(user, found.clone());
    Ok(found)
}

async fn change(
    State((database, copies)): State<Stores>,
    Path(user): Path<String>,
    text: String,
) {
    copies.rows().remove(&user);
    database.rows().insert(user, text);
}
