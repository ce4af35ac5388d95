//! `GET /api/events`: a WebSocket that notifies a caller of new files.
//!
//! A connection outlives the request that opened it. So its credential is checked again
//! every second and for every message. These checks do not count as a use of the session:
//! an open page does not keep a session alive (OWASP WebSocket Security; ASVS 4.4.3).
//!
//! Each replica polls the database once for all its connections. Redis pub/sub would be
//! faster but loses messages when a subscriber is disconnected; a poll loses none when a
//! replica is killed.

mod connection;
#[cfg(test)]
mod fixture;
mod poller;
mod reauth;
mod registry;
mod subscribers;

pub(crate) use poller::poll_files;
pub(crate) use registry::Connections;

use crate::error::Error;
use crate::identity::{Caller, rests_on_cookie};
use crate::state::AppState;
use api_contract::problem::ProblemKind;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use http_edge::query_credentials;
use http_edge::refusal::Refusal;
use reauth::StoredCredential;
use registry::Permit;

/// Bytes of the read buffer and of the write buffer of a connection. The library's
/// defaults make an idle connection cost 130 KiB.
const BUFFER_BYTES: usize = 4096;

/// Largest message in bytes.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Parameters that clients of other servers use for a WebSocket, because browsers cannot set its
/// headers. They are refused in addition to those that every call refuses.
const SECRET_PARAMETERS: [&str; 5] = ["session", "session_id", "sid", "ticket", "auth"];

/// An authenticated caller that may open a connection.
pub(crate) struct Subscriber {
    caller: Caller,
    credential: StoredCredential,
    /// Released when the connection closes.
    _permit: Permit,
}

impl FromRequestParts<AppState> for Subscriber {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Error> {
        query_credentials::refuse(&parts.uri, &SECRET_PARAMETERS)?;
        // Browsers send no preflight for a WebSocket, so a page of any origin can try to
        // open one.
        if rests_on_cookie(&parts.headers, app) {
            app.origins.check_named(parts)?;
        }
        app.origins.check(parts)?;
        let caller = Caller::from_request_parts(parts, app).await?;
        let credential = StoredCredential::of(&caller, parts, app).await?;
        let _permit =
            app.connections.acquire(&caller.member.username).ok_or_else(|| {
                Refusal::new(ProblemKind::TooManyRequests)
                    .detail("You have too many open connections. Close one first.")
                    .retry_after(1)
            })?;
        Ok(Self { caller, credential, _permit })
    }
}

/// The refusal names the supported version (RFC 6455 §4.2.2).
fn not_a_websocket() -> Refusal {
    Refusal::new(ProblemKind::MalformedRequest)
        .detail(
            "This path serves WebSockets (RFC 6455). Send an upgrade request of version 13.",
        )
        .header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
}

/// The key is 16 bytes in base64 (RFC 6455 §4.1).
fn has_valid_key(headers: &HeaderMap) -> bool {
    let key = headers.get(SEC_WEBSOCKET_KEY).map(|key| STANDARD.decode(key.as_bytes()));
    matches!(key, Some(Ok(key)) if key.len() == 16)
}

/// `GET /api/events`
pub(crate) async fn open(
    State(app): State<AppState>,
    subscriber: Subscriber,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    let upgrade = upgrade.map_err(|_no_websocket| not_a_websocket())?;
    if !has_valid_key(&headers) {
        return Err(not_a_websocket().into());
    }
    let connections = app.connections.clone();
    let upgraded = upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_upgrade(move |socket| {
            connections.track(connection::serve(app, subscriber, socket))
        });
    Ok(upgraded.into_response())
}
