//! Changes to an account that end every proof given before: one transaction each, with the
//! row that says who did it.

use crate::app::AppState;
use crate::error::Error;
use crate::identity::{Caller, Identity};
use records::{AnyConnection, OrgId, RecordsError, Role, Scope, audit, users};
use upload_domain::username::Username;
use users::SignedOut;

/// What becomes of an account.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Another password, as its hash.
    Password(String),
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
            Self::Password(_) => "password.changed",
            Self::Role(Role::Admin) => "role.admin",
            Self::Role(Role::Member) => "role.member",
            Self::Disabled(true) => "user.disabled",
            Self::Disabled(false) => "user.enabled",
            Self::SignOut => "user.signed-out",
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
            Self::Password(hash) => {
                users::change_password(tx, organisation, username, &hash, now).await
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
/// holds a copy of a proof that died has heard of it.
pub(crate) async fn change(
    app: &AppState,
    caller: &Caller,
    username: &Username,
    change: Change,
) -> Result<(), Error> {
    let row = caller.audit.row(&caller.member, change.action(), username.as_str());
    let organisation = caller.member.organisation.clone();
    let (scope, name) = (Scope::Organisation(organisation.clone()), username.clone());
    let changed = app.records.run(scope, move |tx| {
        Box::pin(async move {
            let made = change.make(tx, &organisation, &name, row.at).await?;
            if made.is_some() {
                audit::write(tx, &row).await?;
            }
            Ok(made)
        })
    });
    let Some(died) = changed.await? else {
        return Ok(());
    };
    match &app.identity {
        Identity::Sessions(sessions) => {
            sessions.end_all_of(username, died.sessions).await;
        }
        Identity::Tokens(tokens) => {
            tokens.forget(&caller.member.organisation, username, &died).await;
        }
    }
    Ok(())
}
