//! Whether a socket's proof still stands.

use crate::app::AppState;
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::{Caller, Identity, Proof};
use crate::sessions::{SessionError, SessionId};
use crate::tokens::TokenError;
use api_contract::secret::Secret;
use axum::extract::FromRequestParts;
use axum_extra::TypedHeader;
use axum_extra::headers::Authorization;
use axum_extra::headers::authorization::Bearer;
use http::request::Parts;
use records::{Scope, users};
use upload_domain::username::Username;

/// What a socket was opened with, kept to be looked at again.
pub(super) enum Standing {
    Session(SessionId),
    Token {
        text: Secret,
        exp: u64,
    },
    /// A password is not kept; the version of its account is.
    Account {
        username: Username,
        epoch: i64,
    },
}

/// What became of the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Still {
    Stands,
    Dead,
    /// Nobody who knows answers.
    Unknown,
}

impl Standing {
    /// That of a caller who has just proved who they are.
    ///
    /// # Errors
    /// When the proof cannot be found again, or the records do not answer.
    pub(super) async fn of(
        caller: &Caller,
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Error> {
        match &caller.proof {
            Proof::Session(id) => Ok(Self::Session(id.clone())),
            Proof::Token(checked) => {
                let header =
                    TypedHeader::<Authorization<Bearer>>::from_request_parts(parts, app);
                let header = header.await.map_err(|_unreadable| Error::NoProof)?;
                let text = Secret::new(header.token());
                Ok(Self::Token { text, exp: checked.exp })
            }
            Proof::Password { epoch } => {
                let username = caller.member.username.clone();
                Ok(Self::Account { username, epoch: *epoch })
            }
        }
    }

    /// Looks again. That is no use of a session, and costs one lookup.
    pub(super) async fn look(&self, app: &AppState) -> Still {
        match (self, &app.identity) {
            (Self::Session(id), Identity::Sessions(sessions)) => {
                match sessions.peek(id).await {
                    Ok(_) => Still::Stands,
                    Err(SessionError::CannotKnow) => Still::Unknown,
                    Err(_) => Still::Dead,
                }
            }
            // To the second: a socket has no network delay that leeway would be for.
            (Self::Token { exp, .. }, _) if *exp <= now_ms() / 1_000 => Still::Dead,
            (Self::Token { text, .. }, Identity::Tokens(tokens)) => {
                match tokens.check(text.expose()).await {
                    Ok(_) => Still::Stands,
                    Err(TokenError::Expired | TokenError::Invalid) => Still::Dead,
                    Err(_) => Still::Unknown,
                }
            }
            (Self::Account { username, epoch }, _) => {
                account(app, username, *epoch).await
            }
            (Self::Session(_), Identity::Tokens(_))
            | (Self::Token { .. }, Identity::Sessions(_)) => Still::Dead,
        }
    }
}

async fn account(app: &AppState, username: &Username, epoch: i64) -> Still {
    let (scope, name) = (Scope::Login(username.clone()), username.clone());
    let found = app
        .records
        .look(scope, move |tx| Box::pin(async move { users::find(tx, &name).await }));
    match found.await {
        Ok(Some(found)) if found.epoch == epoch && found.disabled_at.is_none() => {
            Still::Stands
        }
        Ok(_) => Still::Dead,
        Err(_) => Still::Unknown,
    }
}
