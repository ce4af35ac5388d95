//! The replies to the client. This is one of your two files. The README describes its
//! defects.

use crate::breaker::Unknown;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The reply to a read of a session: 200 with its user, 401 if it does not exist, or a
/// reply that says that its state is unknown.
pub fn session(found: Result<Option<String>, Unknown>) -> Response {
    // TODO: when Redis does not answer, it is unknown whether the session exists.
    match found.ok().flatten() {
        Some(user) => (StatusCode::OK, Json(json!({ "username": user }))).into_response(),
        None => refused(StatusCode::UNAUTHORIZED, "log in first"),
    }
}

/// The reply to a login: 201, or a reply that says that its result is unknown.
pub fn login(done: Result<(), Unknown>) -> Response {
    match done {
        Ok(()) => StatusCode::CREATED.into_response(),
        // TODO: may the client retry, and when?
        Err(Unknown { .. }) => {
            refused(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
        }
    }
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
