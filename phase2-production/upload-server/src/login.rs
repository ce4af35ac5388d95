//! Login and logout: start and end a session; issue, refresh and revoke tokens.

use crate::accounts::{Authenticated, LoginError};
use crate::audit::AuditContext;
use crate::error::Error;
use crate::identity::{AuthMethod, Caller, Identity, audit_context, session_id};
use crate::limits::ClientAddress;
use crate::run_to_completion::run_to_completion;
use crate::sessions::{SessionError, SessionId, Sessions};
use crate::state::AppState;
use crate::tokens::{IdentifiedToken, Issued, TokenError, Tokens};
use api_contract::sessions::{SessionStarted, SessionView};
use api_contract::tokens::{RefreshRequest, RevokeRequest, TokenIssued};
use api_contract::{LoginRequest, Message};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::request::Parts;
use http_edge::json_body::JsonBody;

/// Context of a login request besides its body.
pub(crate) struct LoginContext {
    from: ClientAddress,
    audit: AuditContext,
    /// The session that the browser already has.
    earlier: Option<SessionId>,
}

impl FromRequestParts<AppState> for LoginContext {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Error> {
        Ok(Self {
            from: app.limits.client_of(parts),
            audit: audit_context(parts),
            earlier: session_id(parts, app).ok().flatten(),
        })
    }
}

/// `POST /api/session/start`: always creates a new id and ends the browser's earlier
/// session (OWASP Session Management, "Renew the Session ID").
pub(crate) async fn start(
    State(app): State<AppState>,
    context: LoginContext,
    JsonBody(given): JsonBody<LoginRequest>,
) -> Result<Response, Error> {
    let sessions = sessions(&app)?;
    let LoginContext { from, audit, earlier } = context;
    let known =
        app.accounts.log_in(&given.username, given.password.expose(), from).await?;
    let session = start_session(&app, sessions, &known, &audit).await?;
    if let Some(earlier) = earlier {
        // An unknown session needs no logout. If the logout fails, the login fails, too.
        let ended = sessions.end(&earlier, &audit).await;
        if ended == Err(SessionError::Unavailable) {
            return Err(Error::SessionStoreUnavailable);
        }
    }
    let cookie = app.cookies.set_value(session.secret().expose());
    let expires_in = app.idle_seconds;
    let body = SessionStarted { session_id: session.secret(), expires_in };
    Ok(([(SET_COOKIE, cookie)], Json(body)).into_response())
}

/// Starts a session. Sessions in the database are created under a lock on the account;
/// sessions in memory are not. So for those the account is checked again afterwards: an
/// earlier change is seen here, and a later one ends this session with all others.
async fn start_session(
    app: &AppState,
    sessions: &Sessions,
    login: &Authenticated,
    audit: &AuditContext,
) -> Result<SessionId, Error> {
    let started = sessions.start(&login.member, login.epoch, audit).await;
    let session = started.map_err(|error| match error {
        SessionError::Unknown => superseded(),
        other => other.into(),
    })?;
    if sessions.are_in_records() {
        return Ok(session);
    }
    let unchanged = app.accounts.is_unchanged(login).await;
    if !matches!(unchanged, Ok(true)) {
        // The client never received this id, so a failed logout is harmless.
        let _ended = sessions.end(&session, audit).await;
    }
    if unchanged? { Ok(session) } else { Err(superseded()) }
}

/// `GET /api/session`
pub(crate) async fn view(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<SessionView>, Error> {
    let sessions = sessions(&app)?;
    let AuthMethod::Session(id) = &caller.auth else {
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
    let AuthMethod::Session(id) = &caller.auth else {
        return Err(Error::NoSessionId);
    };
    sessions.end(id, &caller.audit).await?;
    let body = Message { message: "The session has ended.".to_owned() };
    Ok(([(SET_COOKIE, app.cookies.clear_value())], Json(body)).into_response())
}

/// `POST /api/token`
pub(crate) async fn issue(
    State(app): State<AppState>,
    context: LoginContext,
    JsonBody(given): JsonBody<LoginRequest>,
) -> Result<Json<TokenIssued>, Error> {
    let tokens = tokens(&app)?;
    let password = given.password.expose();
    let known = app.accounts.log_in(&given.username, password, context.from).await?;
    let issued = tokens.issue(&known.member, known.epoch, &context.audit).await;
    let issued = issued.map_err(|error| match error {
        TokenError::Invalid => superseded(),
        other => other.into(),
    })?;
    Ok(Json(token_reply(issued)))
}

/// `POST /api/token/refresh`
pub(crate) async fn refresh(
    State(app): State<AppState>,
    context: LoginContext,
    JsonBody(given): JsonBody<RefreshRequest>,
) -> Result<Json<TokenIssued>, Error> {
    let tokens = tokens(&app)?;
    let token = given.refresh_token.expose();
    let known = identify(&app, tokens, token, context.from).await?;
    let known = known.ok_or(Error::TokenInvalid)?;
    app.limits.login_action("refresh", known.family()).await?;
    Ok(Json(token_reply(tokens.refresh(token, &context.audit).await?)))
}

/// `POST /api/token/revoke`: the holder of a token may revoke it (RFC 7009).
pub(crate) async fn revoke(
    State(app): State<AppState>,
    context: LoginContext,
    JsonBody(given): JsonBody<RevokeRequest>,
) -> Result<Json<Message>, Error> {
    let tokens = tokens(&app)?;
    let token = given.token.expose();
    if let Some(known) = identify(&app, tokens, token, context.from).await? {
        app.limits.login_action("logout", known.family()).await?;
        tokens.revoke(known, &context.audit).await?;
    }
    Ok(Json(Message { message: "The token is revoked.".to_owned() }))
}

/// Identifies a token. An unknown token may be a guess or an attempt to overload the
/// database, so it counts like a wrong password, and nothing is written.
async fn identify(
    app: &AppState,
    tokens: &Tokens,
    token: &str,
    from: ClientAddress,
) -> Result<Option<IdentifiedToken>, Error> {
    let attempt = app.limits.token(from.0).await.map_err(LoginError::from)?;
    let (tokens, token) = (tokens.clone(), token.to_owned());
    // A client that leaves now would otherwise make a known token count as an unknown one.
    let known = run_to_completion(async move {
        let known = tokens.identify(&token).await;
        if !matches!(known, Ok(None)) {
            attempt.succeeded().await;
        }
        known
    });
    Ok(known.await?)
}

/// `GET /.well-known/jwks.json`
pub(crate) async fn jwks(State(app): State<AppState>) -> Result<Response, Error> {
    let tokens = tokens(&app)?;
    let seconds = tokens.jwks_cache_lifetime().as_secs();
    let cached = [(CACHE_CONTROL, format!("public, max-age={seconds}"))];
    Ok((cached, Json(tokens.jwks())).into_response())
}

/// The account changed between the check of the password and the creation of the session
/// or token, so the password counts as wrong.
fn superseded() -> Error {
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

/// Calls of the other kind of design are not found.
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
