//! Checks again whether a connection's credential is still valid.

use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::{AuthMethod, Caller, Identity};
use crate::sessions::{SessionError, SessionId};
use crate::state::AppState;
use crate::tokens::TokenError;
use api_contract::secret::Secret;
use axum::extract::FromRequestParts;
use axum_extra::TypedHeader;
use axum_extra::headers::Authorization;
use axum_extra::headers::authorization::Bearer;
use http::request::Parts;
use records::{Scope, users};
use upload_domain::username::Username;

/// The credential that opened a connection, kept for later checks.
pub(super) enum StoredCredential {
    Session(SessionId),
    Token {
        text: Secret,
        exp: u64,
    },
    /// The password is not kept; the version of its account is.
    Account {
        username: Username,
        epoch: i64,
    },
}

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReauthOutcome {
    Valid,
    Revoked,
    /// The store that decides does not answer.
    Unknown,
}

impl StoredCredential {
    /// The credential of a caller that was just authenticated.
    ///
    /// # Errors
    /// When the token cannot be read again.
    pub(super) async fn of(
        caller: &Caller,
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Error> {
        match &caller.auth {
            AuthMethod::Session(id) => Ok(Self::Session(id.clone())),
            AuthMethod::Token(checked) => {
                let header =
                    TypedHeader::<Authorization<Bearer>>::from_request_parts(parts, app);
                let header = header.await.map_err(|_unreadable| Error::NoCredential)?;
                let text = Secret::new(header.token());
                Ok(Self::Token { text, exp: checked.exp })
            }
            AuthMethod::Password { epoch } => {
                let username = caller.member.username.clone();
                Ok(Self::Account { username, epoch: *epoch })
            }
        }
    }

    /// Checks the credential. This is no use of a session, and costs one lookup.
    pub(super) async fn check(&self, app: &AppState) -> ReauthOutcome {
        match (self, &app.identity) {
            (Self::Session(id), Identity::Sessions(sessions)) => {
                match sessions.peek(id).await {
                    Ok(_) => ReauthOutcome::Valid,
                    Err(SessionError::Unavailable) => ReauthOutcome::Unknown,
                    Err(_) => ReauthOutcome::Revoked,
                }
            }
            // Exact to the second: an open connection needs no leeway for network delay.
            (Self::Token { exp, .. }, _) if *exp <= now_ms() / 1_000 => {
                ReauthOutcome::Revoked
            }
            (Self::Token { text, .. }, Identity::Tokens(tokens)) => {
                match tokens.check(text.expose()).await {
                    Ok(_) => ReauthOutcome::Valid,
                    Err(TokenError::Expired | TokenError::Invalid) => {
                        ReauthOutcome::Revoked
                    }
                    Err(_) => ReauthOutcome::Unknown,
                }
            }
            (Self::Account { username, epoch }, _) => {
                account(app, username, *epoch).await
            }
            (Self::Session(_), Identity::Tokens(_))
            | (Self::Token { .. }, Identity::Sessions(_)) => ReauthOutcome::Revoked,
        }
    }
}

async fn account(app: &AppState, username: &Username, epoch: i64) -> ReauthOutcome {
    let (scope, name) = (Scope::Login(username.clone()), username.clone());
    let found = app
        .records
        .read(scope, move |tx| Box::pin(async move { users::find(tx, &name).await }));
    match found.await {
        Ok(Some(found)) if found.epoch == epoch && found.disabled_at.is_none() => {
            ReauthOutcome::Valid
        }
        Ok(_) => ReauthOutcome::Revoked,
        Err(_) => ReauthOutcome::Unknown,
    }
}
