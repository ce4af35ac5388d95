//! Changes to an account that end every proof given before: one transaction each, with the
//! row that says who did it.

use crate::app::AppState;
use crate::clock::now;
use crate::error::Error;
use crate::identity::{Caller, Identity};
use crate::in_full::in_full;
use crate::people::LoginError;
use crate::tokens::Ended;
use records::{AnyConnection, OrgId, RecordsError, Role, Scope, audit, users};
use upload_domain::username::Username;
use users::SignedOut;

/// What becomes of an account.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Another password.
    Password {
        /// The version of the account when the old one was checked.
        epoch: i64,
        /// Of the new one.
        hash: String,
    },
    /// Another role.
    Role(Role),
    /// Nobody logs in with it any more, or somebody does again.
    Disabled(bool),
    /// Nothing, but all proofs die.
    SignOut,
}

impl Change {
    const fn action(&self) -> &'static str {
        match self {
            Self::Password { .. } => "password.changed",
            Self::Role(Role::Admin) => "role.admin",
            Self::Role(Role::Member) => "role.member",
            Self::Disabled(true) => "user.disabled",
            Self::Disabled(false) => "user.enabled",
            Self::SignOut => "user.signed-out",
        }
    }

    /// Why it was not made.
    fn refusal(&self) -> Error {
        match self {
            // What was right when it was checked is wrong now.
            Self::Password { .. } => LoginError::Wrong.into(),
            Self::Role(_) | Self::Disabled(_) | Self::SignOut => Error::UserNotFound,
        }
    }

    async fn make(
        self,
        tx: &mut AnyConnection,
        organisation: &OrgId,
        username: &Username,
        now: i64,
    ) -> Result<Option<SignedOut>, RecordsError> {
        match self {
            Self::Password { epoch, hash } => {
                users::change_password(tx, organisation, username, epoch, &hash, now)
                    .await
            }
            Self::Role(role) => {
                users::set_role(tx, organisation, username, role, now).await
            }
            Self::Disabled(disabled) => {
                users::set_disabled(tx, organisation, username, disabled, now).await
            }
            Self::SignOut => {
                users::sign_out_everywhere(tx, organisation, username, now).await
            }
        }
    }
}

/// Makes a change to somebody of the caller's organisation. When this returns, whoever
/// holds a copy of a proof that died has heard of it; and they hear of it also if the caller
/// goes away meanwhile.
pub(crate) async fn change(
    app: &AppState,
    caller: &Caller,
    username: &Username,
    change: Change,
) -> Result<(), Error> {
    let (app, caller, username) = (app.clone(), caller.clone(), username.clone());
    in_full(async move { make_and_tell(&app, &caller, &username, change).await }).await
}

async fn make_and_tell(
    app: &AppState,
    caller: &Caller,
    username: &Username,
    change: Change,
) -> Result<(), Error> {
    let refusal = change.refusal();
    let row = caller.audit.row(&caller.member, change.action(), username.as_str());
    let organisation = caller.member.organisation.clone();
    let (scope, name) = (Scope::Organisation(organisation.clone()), username.clone());
    let identity = app.identity.clone();
    let changed = app.records.run(scope, move |tx| {
        Box::pin(async move {
            let Some(died) = change.make(tx, &organisation, &name, now()).await? else {
                return Ok(None);
            };
            audit::write(tx, &row).await?;
            let ended = match identity {
                Identity::Sessions(_) => Ended::default(),
                Identity::Tokens(tokens) => {
                    tokens.write_end_of_all(tx, &organisation, &name, &died).await?
                }
            };
            Ok(Some((died, ended)))
        })
    });
    let (died, ended) = changed.await?.ok_or(refusal)?;
    match &app.identity {
        Identity::Sessions(sessions) => {
            sessions.end_all_of(username, died.sessions).await;
        }
        Identity::Tokens(tokens) => tokens.tell(&ended).await,
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
