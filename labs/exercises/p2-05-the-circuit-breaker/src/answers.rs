//! What the client is told. This is one of your two files. The README says what is wrong
//! with it.

use crate::breaker::Unknown;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The reply to a look at a session: 200 with its user, 401 when there is none, and when
/// nothing is known, that.
pub fn session(found: Result<Option<String>, Unknown>) -> Response {
    // TODO: whether somebody is logged in is not known when Redis does not answer.
    match found.ok().flatten() {
        Some(user) => (StatusCode::OK, Json(json!({ "username": user }))).into_response(),
        None => refused(StatusCode::UNAUTHORIZED, "log in first"),
    }
}

/// The reply to a login: 201, or that it is not known.
pub fn login(done: Result<(), Unknown>) -> Response {
    match done {
        Ok(()) => StatusCode::CREATED.into_response(),
        // TODO: what may the client do now, and when?
        Err(Unknown { .. }) => {
            refused(StatusCode::INTERNAL_SERVER_ERROR, "something is wrong")
        }
    }
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
