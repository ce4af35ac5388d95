//! Who is calling? Known by a session, a token, or a password: whatever the design knows.

use crate::app::AppState;
use crate::audit::AuditContext;
use crate::clock;
use crate::cookies;
use crate::error::Error;
use crate::sessions::{SessionId, Sessions};
use crate::tokens::{Checked, Tokens};
use axum::extract::FromRequestParts;
use axum_extra::TypedHeader;
use axum_extra::headers::Authorization;
use axum_extra::headers::authorization::{Basic, Bearer};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http_edge::request_id::RequestId;
use records::Member;
use std::sync::Arc;

/// What this replica knows its callers by.
#[derive(Clone)]
pub(crate) enum Identity {
    /// They proved who they are once, and somebody remembers.
    Sessions(Arc<Sessions>),
    /// They prove it each time.
    Tokens(Tokens),
}

impl From<Sessions> for Identity {
    fn from(sessions: Sessions) -> Self {
        Self::Sessions(Arc::new(sessions))
    }
}

impl Identity {
    /// The session that remembers a caller's files in the records, if one does.
    pub(crate) fn session_in_records(&self, proof: &Proof) -> Option<String> {
        match (self, proof) {
            (Self::Sessions(sessions), Proof::Session(id)) => {
                sessions.are_in_records().then(|| id.proof())
            }
            _ => None,
        }
    }
}

/// What proved who is calling.
#[derive(Clone)]
pub(crate) enum Proof {
    Session(SessionId),
    Token(Checked),
    Password {
        /// The version of the account whose password it is.
        epoch: i64,
    },
}

/// The caller: whoever this request proves to come from.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) member: Member,
    pub(crate) proof: Proof,
    pub(crate) audit: AuditContext,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Error> {
        no_credentials_in(parts.uri.query().unwrap_or_default())?;
        let (member, proof) = match &app.identity {
            Identity::Sessions(sessions) => by_session(parts, app, sessions).await?,
            Identity::Tokens(tokens) => by_token_or_password(parts, app, tokens).await?,
        };
        app.limits.request(member.username.as_str()).await?;
        let audit = audit_context(parts);
        Ok(Self { member, proof, audit })
    }
}

/// The id from its header, or from its cookie; looked for nowhere else (OWASP Session
/// Management, "Session ID in URL").
async fn by_session(
    parts: &Parts,
    app: &AppState,
    sessions: &Sessions,
) -> Result<(Member, Proof), Error> {
    let id = session_id(parts, app)?.ok_or(Error::NoSessionId)?;
    let member = sessions.touch(&id).await?;
    Ok((member, Proof::Session(id)))
}

/// A session id that came with the request, alive or not. A text that no server of ours
/// can have made is an unknown session.
pub(crate) fn session_id(
    parts: &Parts,
    app: &AppState,
) -> Result<Option<SessionId>, Error> {
    let mut in_header = parts.headers.get_all(api_contract::headers::SESSION_ID).iter();
    let text = match (in_header.next(), in_header.next()) {
        (Some(value), None) => {
            value.to_str().map_err(|_unreadable| Error::SessionUnknown)?
        }
        // Of two ids one is somebody else's work, and which one cannot be told.
        (Some(_), Some(_)) => return Err(Error::SessionUnknown),
        (None, _) => match app.cookies.session_in(&parts.headers) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(None),
            Err(cookies::Ambiguous) => return Err(Error::SessionUnknown),
        },
    };
    SessionId::parse(text).map(Some).ok_or(Error::SessionUnknown)
}

/// The proof that belongs in a request: a token (RFC 6750), or a password (RFC 7617).
async fn by_token_or_password(
    parts: &mut Parts,
    app: &AppState,
    tokens: &Tokens,
) -> Result<(Member, Proof), Error> {
    type Header<Scheme> = TypedHeader<Authorization<Scheme>>;
    if !parts.headers.contains_key(AUTHORIZATION) {
        return Err(Error::NoProof);
    }
    if let Ok(token) = Header::<Bearer>::from_request_parts(parts, app).await {
        let checked = tokens.check(token.token()).await?;
        return Ok((checked.member.clone(), Proof::Token(checked)));
    }
    let password = Header::<Basic>::from_request_parts(parts, app).await;
    let given = password.map_err(|_unreadable| Error::NoProof)?;
    let from = app.limits.client_of(parts);
    let known = app.people.log_in(given.username(), given.password(), from).await?;
    Ok((known.member, Proof::Password { epoch: known.epoch }))
}

/// A password in a URL ends up in logs, histories and other sites' logs.
pub(crate) fn no_credentials_in(query: &str) -> Result<(), Error> {
    const SECRETS: [&str; 3] = ["username", "password", "access_token"];
    let names_one = query
        .split('&')
        .any(|pair| SECRETS.contains(&pair.split('=').next().unwrap_or_default()));
    if names_one { Err(Error::CredentialsInQuery) } else { Ok(()) }
}

/// The request as the cause of what it changes.
pub(crate) fn audit_context(parts: &Parts) -> AuditContext {
    let id = parts.extensions.get::<RequestId>();
    AuditContext {
        request_id: id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
        at: clock::now(),
    }
}
