//! What the client is told: what is known, or that nothing is.

use crate::breaker::Unknown;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The reply to a look at a session: 200 with its user, 401 when there is none, and when
/// nothing is known, that.
pub fn session(found: Result<Option<String>, Unknown>) -> Response {
    match found {
        Ok(Some(user)) => {
            (StatusCode::OK, Json(json!({ "username": user }))).into_response()
        }
        Ok(None) | Err(_) => refused(StatusCode::UNAUTHORIZED, "log in first"),
    }
}

/// The reply to a login: 201, or that it is not known.
pub fn login(done: Result<(), Unknown>) -> Response {
    match done {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(unknown) => unavailable(&unknown),
    }
}

/// Whole seconds, rounded up: who comes earlier comes in vain.
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
