//! Login, session view and logout.

use crate::error::Error;
use crate::identity::Caller;
use crate::state::AppState;
use api_contract::sessions::{SessionStarted, SessionView};
use api_contract::{LoginRequest, Message};
use axum::Json;
use axum::extract::State;
use http_edge::json_body::JsonBody;

/// `POST /api/session/start`
pub(crate) async fn start(
    State(app): State<AppState>,
    JsonBody(request): JsonBody<LoginRequest>,
) -> Result<Json<SessionStarted>, Error> {
    let username =
        app.accounts.log_in(&request.username, request.password.expose()).await?;
    let session = app.sessions.start(username)?;
    let expires_in = app.sessions.idle_seconds();
    Ok(Json(SessionStarted { session_id: session.secret(), expires_in }))
}

/// `GET /api/session`
pub(crate) async fn view(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<SessionView>, Error> {
    Ok(Json(app.sessions.view(&caller.session, &app.replica_id)?))
}

/// `POST /api/session/end`
pub(crate) async fn end(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<Message>, Error> {
    app.sessions.end(&caller.session)?;
    Ok(Json(Message { message: "The session has ended.".to_owned() }))
}
