//! Authenticates requests by session, token or password.

use crate::audit::AuditContext;
use crate::clock;
use crate::cookies;
use crate::error::Error;
use crate::sessions::{SessionId, Sessions};
use crate::state::AppState;
use crate::tokens::{Tokens, VerifiedToken};
use api_contract::headers::SESSION_ID;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::TypedHeader;
use axum_extra::headers::Authorization;
use axum_extra::headers::authorization::{Basic, Bearer};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http_edge::request_id::RequestId;
use records::Member;
use std::sync::Arc;

/// How this replica authenticates requests.
#[derive(Clone)]
pub(crate) enum Identity {
    /// The caller authenticated once; the server keeps a session.
    Sessions(Arc<Sessions>),
    /// Every request carries a credential.
    Tokens(Tokens),
}

impl From<Sessions> for Identity {
    fn from(sessions: Sessions) -> Self {
        Self::Sessions(Arc::new(sessions))
    }
}

impl Identity {
    /// The hash of the session id, if sessions are in the database.
    pub(crate) fn session_in_records(&self, auth: &AuthMethod) -> Option<String> {
        match (self, auth) {
            (Self::Sessions(sessions), AuthMethod::Session(id)) => {
                sessions.are_in_records().then(|| id.hash())
            }
            _ => None,
        }
    }
}

/// How the caller authenticated.
#[derive(Clone)]
pub(crate) enum AuthMethod {
    Session(SessionId),
    Token(VerifiedToken),
    Password {
        /// Version of the account at which the password was checked.
        epoch: i64,
    },
}

/// Whether this request would be authenticated by its cookie: the credential that a browser sends
/// with the requests of any page.
pub(crate) fn rests_on_cookie(headers: &HeaderMap, app: &AppState) -> bool {
    matches!(app.identity, Identity::Sessions(_))
        && !headers.contains_key(SESSION_ID)
        && app.cookies.is_present_in(headers)
}

/// Middleware of the calls that rest on the caller: one that would change something by the
/// authority of the cookie must name the site of its page.
pub(crate) async fn require_site(
    State(app): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    if !parts.method.is_safe()
        && rests_on_cookie(&parts.headers, &app)
        && let Err(refusal) = app.origins.check_named(&parts)
    {
        return refusal.into_response();
    }
    next.run(Request::from_parts(parts, body)).await
}

/// The authenticated caller of a request.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) member: Member,
    pub(crate) auth: AuthMethod,
    pub(crate) audit: AuditContext,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Error> {
        let (member, auth) = match &app.identity {
            Identity::Sessions(sessions) => by_session(parts, app, sessions).await?,
            Identity::Tokens(tokens) => by_token_or_password(parts, app, tokens).await?,
        };
        app.limits.request(member.username.as_str()).await?;
        let audit = audit_context(parts);
        Ok(Self { member, auth, audit })
    }
}

/// Takes the session id from its header or cookie, and from no other place (OWASP Session
/// Management, "Session ID in URL").
async fn by_session(
    parts: &Parts,
    app: &AppState,
    sessions: &Sessions,
) -> Result<(Member, AuthMethod), Error> {
    let id = session_id(parts, app)?.ok_or(Error::NoSessionId)?;
    let unknown = app.limits.unknown_ids(app.limits.client_of(parts).0);
    let member = sessions.touch(&id, &unknown).await?;
    Ok((member, AuthMethod::Session(id)))
}

/// The session id in the request, live or not. A malformed id is reported as an unknown
/// session.
pub(crate) fn session_id(
    parts: &Parts,
    app: &AppState,
) -> Result<Option<SessionId>, Error> {
    let mut in_header = parts.headers.get_all(SESSION_ID).iter();
    let text = match (in_header.next(), in_header.next()) {
        (Some(value), None) => {
            value.to_str().map_err(|_unreadable| Error::SessionUnknown)?
        }
        // Two session headers: one may be injected, and the server cannot tell which.
        (Some(_), Some(_)) => return Err(Error::SessionUnknown),
        (None, _) => match app.cookies.session_id_in(&parts.headers) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(None),
            Err(cookies::Ambiguous) => return Err(Error::SessionUnknown),
        },
    };
    SessionId::parse(text).map(Some).ok_or(Error::SessionUnknown)
}

/// Takes the credential from `Authorization`: a token (RFC 6750), or a password (RFC
/// 7617).
async fn by_token_or_password(
    parts: &mut Parts,
    app: &AppState,
    tokens: &Tokens,
) -> Result<(Member, AuthMethod), Error> {
    type Header<Scheme> = TypedHeader<Authorization<Scheme>>;
    if !parts.headers.contains_key(AUTHORIZATION) {
        return Err(Error::NoCredential);
    }
    if let Ok(token) = Header::<Bearer>::from_request_parts(parts, app).await {
        let checked = tokens.check(token.token()).await?;
        return Ok((checked.member.clone(), AuthMethod::Token(checked)));
    }
    let password = Header::<Basic>::from_request_parts(parts, app).await;
    let given = password.map_err(|_unreadable| Error::NoCredential)?;
    let from = app.limits.client_of(parts);
    let known = app.accounts.log_in(given.username(), given.password(), from).await?;
    Ok((known.member, AuthMethod::Password { epoch: known.epoch }))
}

/// The audit context of a request.
pub(crate) fn audit_context(parts: &Parts) -> AuditContext {
    let id = parts.extensions.get::<RequestId>();
    AuditContext {
        request_id: id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
        at: clock::now(),
    }
}
