//! Changes to an account that revoke its sessions and tokens: one transaction each,
//! together with its audit row.

use crate::accounts::LoginError;
use crate::app::AppState;
use crate::clock::now;
use crate::error::Error;
use crate::identity::{Caller, Identity};
use crate::run_to_completion::run_to_completion;
use crate::tokens::RevokedNames;
use records::{AnyConnection, OrgId, RecordsError, Role, Scope, audit, users};
use upload_domain::username::Username;
use users::SignedOut;

/// A change to an account.
#[derive(Clone, Debug)]
pub(crate) enum AccountChange {
    /// A new password.
    Password {
        /// Version of the account at which the old password was checked.
        epoch: i64,
        /// Hash of the new password.
        hash: String,
    },
    /// Another role.
    Role(Role),
    /// Disables or enables logins.
    Disabled(bool),
    /// Revokes all sessions and tokens and changes nothing else.
    SignOut,
}

impl AccountChange {
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

    /// The error if the change was not applied.
    fn refusal(&self) -> Error {
        match self {
            // The account changed since the password was checked.
            Self::Password { .. } => LoginError::Wrong.into(),
            Self::Role(_) | Self::Disabled(_) | Self::SignOut => Error::UserNotFound,
        }
    }

    async fn write(
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

/// Applies a change to an account of the caller's organisation and revokes its
/// credentials. When this returns, every replica has applied the revocation. It runs to
/// completion even if the client disconnects.
pub(crate) async fn apply(
    app: &AppState,
    caller: &Caller,
    username: &Username,
    change: AccountChange,
) -> Result<(), Error> {
    let (app, caller, username) = (app.clone(), caller.clone(), username.clone());
    run_to_completion(async move {
        commit_and_publish(&app, &caller, &username, change).await
    })
    .await
}

async fn commit_and_publish(
    app: &AppState,
    caller: &Caller,
    username: &Username,
    change: AccountChange,
) -> Result<(), Error> {
    let refusal = change.refusal();
    let row = caller.audit.row(&caller.member, change.action(), username.as_str());
    let organisation = caller.member.organisation.clone();
    let (scope, name) = (Scope::Organisation(organisation.clone()), username.clone());
    let identity = app.identity.clone();
    let changed = app.records.run(scope, move |tx| {
        Box::pin(async move {
            let Some(revoked) = change.write(tx, &organisation, &name, now()).await?
            else {
                return Ok(None);
            };
            audit::write(tx, &row).await?;
            let names = match identity {
                Identity::Sessions(_) => RevokedNames::default(),
                Identity::Tokens(tokens) => {
                    tokens
                        .write_revocation_of_all(tx, &organisation, &name, &revoked)
                        .await?
                }
            };
            Ok(Some((revoked, names)))
        })
    });
    let (revoked, names) = changed.await?.ok_or(refusal)?;
    match &app.identity {
        Identity::Sessions(sessions) => {
            sessions.end_all_of(username, revoked.sessions).await;
        }
        Identity::Tokens(tokens) => tokens.publish(&names).await,
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
