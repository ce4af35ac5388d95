//! The replies to the client: the session's state, or that it is unknown.

use crate::breaker::Unknown;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The reply to a read of a session: 200 with its user, 401 if it does not exist, or 503
/// if its state is unknown.
pub fn session(found: Result<Option<String>, Unknown>) -> Response {
    match found {
        Ok(Some(user)) => {
            (StatusCode::OK, Json(json!({ "username": user }))).into_response()
        }
        Ok(None) => refused(StatusCode::UNAUTHORIZED, "log in first"),
        Err(unknown) => unavailable(&unknown),
    }
}

/// The reply to a login: 201, or 503 if its result is unknown.
pub fn login(done: Result<(), Unknown>) -> Response {
    match done {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(unknown) => unavailable(&unknown),
    }
}

/// Whole seconds, rounded up, because an earlier retry would fail.
fn unavailable(unknown: &Unknown) -> Response {
    let seconds = unknown.retry_after.as_secs_f64().ceil().max(1.0);
    let mut reply = refused(StatusCode::SERVICE_UNAVAILABLE, "try again later");
    let seconds = format!("{seconds:.0}").parse().expect("digits");
    reply.headers_mut().insert(header::RETRY_AFTER, seconds);
    reply
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
