//! Changes to an account that revoke its sessions and tokens: one transaction for all of
//! them, together with their audit rows.

mod guard;

use crate::accounts::LoginError;
use crate::error::Error;
use crate::identity::{Caller, Identity};
use crate::run_to_completion::run_to_completion;
use crate::state::AppState;
use crate::tokens::RevokedNames;
use records::{AnyConnection, OrgId, RecordsError, Role, Scope, audit, clock, users};
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
    /// Makes the account an operator or no longer one.
    Operator(bool),
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
            Self::Operator(true) => "operator.granted",
            Self::Operator(false) => "operator.revoked",
            Self::SignOut => "user.signed-out",
        }
    }

    /// The error if the change was not applied.
    fn refusal(&self) -> Error {
        match self {
            // The account changed since the password was checked.
            Self::Password { .. } => LoginError::Wrong.into(),
            Self::Role(_) | Self::Disabled(_) | Self::Operator(_) | Self::SignOut => {
                Error::UserNotFound
            }
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
            Self::Operator(operator) => {
                users::set_operator(tx, organisation, username, operator, now).await
            }
            Self::SignOut => {
                users::sign_out_everywhere(tx, organisation, username, now).await
            }
        }
    }
}

/// Applies changes to an account of the caller's organisation, all or none, and revokes its
/// credentials. When this returns, every replica has applied the revocation. It runs to
/// completion even if the client disconnects.
pub(crate) async fn apply(
    app: &AppState,
    caller: &Caller,
    username: &Username,
    changes: Vec<AccountChange>,
) -> Result<(), Error> {
    let (app, caller, username) = (app.clone(), caller.clone(), username.clone());
    run_to_completion(
        async move { commit_and_publish(&app, caller, username, changes).await },
    )
    .await
}

async fn commit_and_publish(
    app: &AppState,
    caller: Caller,
    username: Username,
    changes: Vec<AccountChange>,
) -> Result<(), Error> {
    let organisation = caller.member.organisation.clone();
    let scope = Scope::Organisation(organisation.clone());
    let (identity, name) = (app.identity.clone(), username.clone());
    let changed = app.records.run(scope, move |tx| {
        Box::pin(async move {
            let permitted = guard::permit(tx, &caller.member, &name, &changes).await?;
            match permitted {
                Ok(()) => write_all(tx, &identity, &caller, &name, changes).await,
                Err(refusal) => Ok(Err(refusal)),
            }
        })
    });
    let (revoked, names) = changed.await??;
    match &app.identity {
        Identity::Sessions(sessions) => {
            sessions.end_all_of(&username, revoked.epoch, revoked.sessions).await?;
        }
        Identity::Tokens(tokens) => {
            tokens.publish(&names).await?;
            tokens.revoke_remaining(&organisation, &username, &revoked).await?;
        }
    }
    Ok(())
}

type Written = (SignedOut, RevokedNames);

/// Writes the changes, their audit rows, and the revocation of the account's credentials.
async fn write_all(
    tx: &mut AnyConnection,
    identity: &Identity,
    caller: &Caller,
    username: &Username,
    changes: Vec<AccountChange>,
) -> Result<Result<Written, Error>, RecordsError> {
    let organisation = &caller.member.organisation;
    let mut all = (SignedOut::default(), RevokedNames::default());
    for change in changes {
        let refusal = change.refusal();
        let row = caller.audit.row(&caller.member, change.action(), username.as_str());
        let now = clock::now(tx).await?;
        let revoked = change.write(tx, organisation, username, now).await?;
        // Only the first change finds no account, so nothing was written.
        let Some(revoked) = revoked else { return Ok(Err(refusal)) };
        audit::write(tx, &row).await?;
        if let Identity::Tokens(tokens) = identity {
            let names = tokens
                .write_revocation_of_all(tx, organisation, username, &revoked)
                .await?;
            all.1.add(names);
        }
        let sessions = std::mem::take(&mut all.0.sessions);
        let sessions = sessions.into_iter().chain(revoked.sessions).collect();
        all.0 = SignedOut { sessions, ..revoked };
    }
    Ok(Ok(all))
}

#[cfg(test)]
pub(crate) mod tests;
