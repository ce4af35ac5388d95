//! `GET /api/events`: a WebSocket that tells a caller what becomes of their files.
//!
//! A request proves who is calling and is over in a moment; a socket lasts. So its proof is
//! looked at again every second, and with every message, without that being a use of the
//! session: an open page does not keep anybody logged in (OWASP WebSocket Security; ASVS
//! 4.4.3). Redis' publish and subscribe would be quicker and forgets what it cannot
//! deliver; here every replica asks the records, which is all a killed one loses too. It
//! asks once for all who listen to it, so that sockets cost the records nothing.

mod conversation;
mod news;
mod room;
mod standing;

pub(crate) use news::look_for_all;
pub(crate) use room::Events;

use crate::app::AppState;
use crate::error::Error;
use crate::identity::Caller;
use api_contract::problem::ProblemKind;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http_edge::refusal::Refusal;
use room::Seat;
use standing::Standing;

/// Read and written at a time, and kept for each socket: the library's own figures make an
/// idle one cost 130 KiB.
const BUFFER: usize = 4096;

/// The longest message, in bytes.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// Names under which people put secrets into a query, beside those that no call takes.
const SECRETS: [&str; 7] =
    ["token", "refresh_token", "session", "session_id", "sid", "ticket", "auth"];

/// Somebody who may have a socket, with what they are known by.
pub(crate) struct Subscriber {
    caller: Caller,
    standing: Standing,
    /// Held as long as the socket.
    _seat: Seat,
}

impl FromRequestParts<AppState> for Subscriber {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Error> {
        if names_a_secret(parts.uri.query().unwrap_or_default()) {
            return Err(Error::CredentialsInQuery);
        }
        // A page of any site may open a socket to us: no preflight asks first.
        app.origins.vouch(parts, &app.cookies)?;
        let caller = Caller::from_request_parts(parts, app).await?;
        let standing = Standing::of(&caller, parts, app).await?;
        let _seat = app.events.take_seat(&caller.member.username).ok_or_else(|| {
            Refusal::new(ProblemKind::TooManyRequests)
                .detail("You have as many sockets open as you may.")
                .retry_after(1)
        })?;
        Ok(Self { caller, standing, _seat })
    }
}

fn names_a_secret(query: &str) -> bool {
    let mut names = query.split('&').filter_map(|pair| pair.split('=').next());
    names.any(|name| SECRETS.contains(&name))
}

/// `GET /api/events`
pub(crate) async fn open(
    State(app): State<AppState>,
    subscriber: Subscriber,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    let upgrade = upgrade.map_err(|_no_websocket| {
        Refusal::new(ProblemKind::MalformedRequest)
            .detail("This is a WebSocket (RFC 6455): ask for an upgrade.")
    })?;
    let room = app.events.clone();
    let upgraded = upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        .on_upgrade(move |socket| room.run(conversation::hold(app, subscriber, socket)));
    Ok(upgraded.into_response())
}
