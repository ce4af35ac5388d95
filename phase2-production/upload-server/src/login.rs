//! Login and logout: a session is born and ended, or a token is signed, renewed, revoked.

use crate::app::AppState;
use crate::audit::AuditContext;
use crate::error::Error;
use crate::identity::{
    Caller, Identity, Proof, audit_context, no_credentials_in, session_id,
};
use crate::limits::ClientAddress;
use crate::people::{Known, LoginError};
use crate::sessions::{SessionError, SessionId, Sessions};
use crate::tokens::{Issued, Recognised, TokenError, Tokens};
use api_contract::sessions::{SessionStarted, SessionView};
use api_contract::tokens::{RefreshRequest, RevokeRequest, TokenIssued};
use api_contract::{Credentials, Message};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::request::Parts;
use http_edge::json_body::JsonBody;

/// What a request for a proof brings along besides its body.
pub(crate) struct Newcomer {
    from: ClientAddress,
    audit: AuditContext,
    /// A session that the same browser has already.
    earlier: Option<SessionId>,
}

impl FromRequestParts<AppState> for Newcomer {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Error> {
        no_credentials_in(parts.uri.query().unwrap_or_default())?;
        Ok(Self {
            from: app.limits.client_of(parts),
            audit: audit_context(parts),
            earlier: session_id(parts, app).ok().flatten(),
        })
    }
}

/// `POST /api/session/start`: the id is always new, and one that the browser had before
/// dies (OWASP Session Management, "Renew the Session ID").
pub(crate) async fn start(
    State(app): State<AppState>,
    newcomer: Newcomer,
    JsonBody(given): JsonBody<Credentials>,
) -> Result<Response, Error> {
    let sessions = sessions(&app)?;
    let Newcomer { from, audit, earlier } = newcomer;
    let known = app.people.log_in(&given.username, given.password.expose(), from).await?;
    let session = born(&app, sessions, &known, &audit).await?;
    if let Some(earlier) = earlier {
        // One that is dead already needs no end; one that cannot be ended is not left.
        let ended = sessions.end(&earlier, &audit).await;
        if ended == Err(SessionError::CannotKnow) {
            return Err(Error::SessionStoreUnavailable);
        }
    }
    let cookie = app.cookies.carrying(session.secret().expose());
    let expires_in = app.idle_seconds;
    let body = SessionStarted { session_id: session.secret(), expires_in };
    Ok(([(SET_COOKIE, cookie)], Json(body)).into_response())
}

/// A session that is kept in memory is not born under a lock on its account, as one in the
/// records is. So the account is looked at after the birth: whoever changed it before is
/// seen, and whoever changes it later ends this session with all others.
async fn born(
    app: &AppState,
    sessions: &Sessions,
    known: &Known,
    audit: &AuditContext,
) -> Result<SessionId, Error> {
    let started = sessions.start(&known.member, known.epoch, audit).await;
    let session = started.map_err(|error| match error {
        SessionError::Unknown => overtaken(),
        other => other.into(),
    })?;
    if sessions.are_in_records() {
        return Ok(session);
    }
    let unchanged = app.people.is_unchanged(known).await;
    if !matches!(unchanged, Ok(true)) {
        // Ended by now or not, nobody was told its id.
        let _ended = sessions.end(&session, audit).await;
    }
    if unchanged? { Ok(session) } else { Err(overtaken()) }
}

/// `GET /api/session`
pub(crate) async fn view(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<SessionView>, Error> {
    let sessions = sessions(&app)?;
    let Proof::Session(id) = &caller.proof else {
        return Err(Error::NoSessionId);
    };
    Ok(Json(sessions.view(id, &caller.member, &app.replica_id).await?))
}

/// `POST /api/session/end`
pub(crate) async fn end(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Response, Error> {
    let sessions = sessions(&app)?;
    let Proof::Session(id) = &caller.proof else {
        return Err(Error::NoSessionId);
    };
    sessions.end(id, &caller.audit).await?;
    let body = Message { message: "The session has ended.".to_owned() };
    Ok(([(SET_COOKIE, app.cookies.removed())], Json(body)).into_response())
}

/// `POST /api/token`
pub(crate) async fn issue(
    State(app): State<AppState>,
    newcomer: Newcomer,
    JsonBody(given): JsonBody<Credentials>,
) -> Result<Json<TokenIssued>, Error> {
    let tokens = tokens(&app)?;
    let password = given.password.expose();
    let known = app.people.log_in(&given.username, password, newcomer.from).await?;
    let issued = tokens.issue(&known.member, known.epoch, &newcomer.audit).await;
    let issued = issued.map_err(|error| match error {
        TokenError::Invalid => overtaken(),
        other => other.into(),
    })?;
    Ok(Json(token_reply(issued)))
}

/// `POST /api/token/refresh`
pub(crate) async fn refresh(
    State(app): State<AppState>,
    newcomer: Newcomer,
    JsonBody(given): JsonBody<RefreshRequest>,
) -> Result<Json<TokenIssued>, Error> {
    let tokens = tokens(&app)?;
    let token = given.refresh_token.expose();
    let known = recognised(&app, tokens, token, newcomer.from).await?;
    let known = known.ok_or(Error::TokenInvalid)?;
    app.limits.of_login("refresh", known.family()).await?;
    Ok(Json(token_reply(tokens.refresh(token, &newcomer.audit).await?)))
}

/// `POST /api/token/revoke`: whoever holds a token may end it (RFC 7009).
pub(crate) async fn revoke(
    State(app): State<AppState>,
    newcomer: Newcomer,
    JsonBody(given): JsonBody<RevokeRequest>,
) -> Result<Json<Message>, Error> {
    let tokens = tokens(&app)?;
    let token = given.token.expose();
    if let Some(known) = recognised(&app, tokens, token, newcomer.from).await? {
        app.limits.of_login("logout", known.family()).await?;
        tokens.revoke(known, &newcomer.audit).await?;
    }
    Ok(Json(Message { message: "The token is revoked.".to_owned() }))
}

/// Whose token it is. Whoever sends what nobody knows may be guessing, or wants to keep the
/// records busy: that counts like a wrong password, and nothing is written.
async fn recognised(
    app: &AppState,
    tokens: &Tokens,
    token: &str,
    from: ClientAddress,
) -> Result<Option<Recognised>, Error> {
    let attempt = app.limits.token(from.0).await.map_err(LoginError::from)?;
    let known = tokens.recognise(token).await;
    if !matches!(known, Ok(None)) {
        attempt.succeeded().await;
    }
    Ok(known?)
}

/// `GET /.well-known/jwks.json`
pub(crate) async fn jwks(State(app): State<AppState>) -> Result<Response, Error> {
    let tokens = tokens(&app)?;
    Ok(Json(tokens.jwks()).into_response())
}

/// The account changed between the check of the password and the birth of the proof: what
/// was right then is wrong now.
fn overtaken() -> Error {
    LoginError::Wrong.into()
}

fn token_reply(issued: Issued) -> TokenIssued {
    TokenIssued {
        access_token: issued.access_token,
        token_type: "Bearer".to_owned(),
        expires_in: issued.expires_in,
        refresh_token: Some(issued.refresh_token),
    }
}

/// The routes of a design that the server does not serve do not exist.
fn sessions(app: &AppState) -> Result<&Sessions, Error> {
    match &app.identity {
        Identity::Sessions(sessions) => Ok(sessions),
        Identity::Tokens(_) => Err(Error::NotFound),
    }
}

fn tokens(app: &AppState) -> Result<&Tokens, Error> {
    match &app.identity {
        Identity::Tokens(tokens) => Ok(tokens),
        Identity::Sessions(_) => Err(Error::NotFound),
    }
}

#[cfg(test)]
mod tests;
