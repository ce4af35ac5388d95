//! Changes of an account. Each invalidates all earlier credentials: in the same
//! transaction the epoch increases, and sessions and refresh families are revoked.

use super::roles;
use crate::error::RecordsError;
use crate::ids::{OrgId, Role};
use crate::{refresh, sessions};
use sqlx::AnyConnection;
use upload_domain::username::Username;

/// The result of signing an account out everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedOut {
    /// The new epoch.
    pub epoch: i64,
    /// The hashes of the revoked session ids, for the caches.
    pub sessions: Vec<String>,
    /// The revoked refresh families. If there are [`refresh::REVOCATION_BATCH_SIZE`], there
    /// may be more: call [`revoke_more`] in another transaction.
    pub families: Vec<String>,
}

/// Sets a new password and signs the account out everywhere. `None` if `organisation` has
/// no such user, or the epoch is no longer `epoch`, the one at the check of the old
/// password: of two concurrent changes the second was authorised by a password that is no
/// longer valid.
///
/// # Errors
/// When the database fails.
pub async fn change_password(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    epoch: i64,
    password_hash: &str,
    now: i64,
) -> Result<Option<SignedOut>, RecordsError> {
    let changed = sqlx::query(
        "UPDATE users SET password_hash = $1 WHERE username = $2 AND organisation = $3 \
         AND epoch = $4",
    )
    .bind(password_hash)
    .bind(username.as_str())
    .bind(organisation.as_str())
    .bind(epoch)
    .execute(&mut *tx)
    .await?;
    match changed.rows_affected() {
        1 => sign_out_everywhere(tx, organisation, username, now).await,
        _ => Ok(None),
    }
}

/// Sets a new role and signs the account out everywhere, because existing credentials
/// carry the old role. `None` if `organisation` has no such user.
///
/// # Errors
/// When the database fails.
pub async fn set_role(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    role: Role,
    now: i64,
) -> Result<Option<SignedOut>, RecordsError> {
    sqlx::query("UPDATE users SET role = $1 WHERE username = $2 AND organisation = $3")
        .bind(role.as_str())
        .bind(username.as_str())
        .bind(organisation.as_str())
        .execute(&mut *tx)
        .await?;
    sign_out_everywhere(tx, organisation, username, now).await
}

/// Disables or enables an account, and signs it out everywhere. `None` if `organisation`
/// has no such user.
///
/// # Errors
/// When the database fails.
pub async fn set_disabled(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    disabled: bool,
    now: i64,
) -> Result<Option<SignedOut>, RecordsError> {
    sqlx::query(
        "UPDATE users SET disabled_at = $1 WHERE username = $2 AND organisation = $3",
    )
    .bind(disabled.then_some(now))
    .bind(username.as_str())
    .bind(organisation.as_str())
    .execute(&mut *tx)
    .await?;
    sign_out_everywhere(tx, organisation, username, now).await
}

/// Makes an account an operator or no longer one, and signs it out everywhere. `None` if
/// `organisation` has no such user.
///
/// # Errors
/// When the database fails.
pub async fn set_operator(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    operator: bool,
    now: i64,
) -> Result<Option<SignedOut>, RecordsError> {
    sqlx::query(
        "UPDATE users SET operator = $1 WHERE username = $2 AND organisation = $3",
    )
    .bind(i64::from(operator))
    .bind(username.as_str())
    .bind(organisation.as_str())
    .execute(&mut *tx)
    .await?;
    sign_out_everywhere(tx, organisation, username, now).await
}

/// Revokes every session, refresh family and token of a user. A session that is being
/// created at the same moment is either revoked here or refused: see
/// [`users::lock_account`](crate::users). `None` if `organisation` has no such user.
///
/// # Errors
/// When the database fails.
pub async fn sign_out_everywhere(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    now: i64,
) -> Result<Option<SignedOut>, RecordsError> {
    let epoch: Option<i64> = sqlx::query_scalar(
        "UPDATE users SET epoch = epoch + 1 WHERE username = $1 AND organisation = $2 \
         RETURNING epoch",
    )
    .bind(username.as_str())
    .bind(organisation.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    match epoch {
        Some(epoch) => {
            revoke_older(tx, organisation, username, epoch, now).await.map(Some)
        }
        None => Ok(None),
    }
}

/// The same if the account's epoch is still `epoch`; otherwise it was signed out since, and
/// nothing changes. Of two sign-outs at one epoch the second never ends a later login.
///
/// # Errors
/// When the database fails.
pub async fn sign_out_at_epoch(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    epoch: i64,
    now: i64,
) -> Result<Option<SignedOut>, RecordsError> {
    let next: Option<i64> = sqlx::query_scalar(
        "UPDATE users SET epoch = epoch + 1 WHERE username = $1 AND organisation = $2 \
         AND epoch = $3 RETURNING epoch",
    )
    .bind(username.as_str())
    .bind(organisation.as_str())
    .bind(epoch)
    .fetch_optional(&mut *tx)
    .await?;
    match next {
        Some(next) => revoke_older(tx, organisation, username, next, now).await.map(Some),
        None => Ok(None),
    }
}

/// Revokes the sessions and the refresh families of an account whose epoch has just become
/// `epoch`.
async fn revoke_older(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    epoch: i64,
    now: i64,
) -> Result<SignedOut, RecordsError> {
    let sessions = sessions::revoke_all(tx, organisation, username, now).await?;
    let families = refresh::revoke_older(tx, organisation, username, epoch, now).await?;
    Ok(SignedOut { epoch, sessions, families })
}

/// Continues a sign-out that increased the account's epoch to `epoch`: revokes more of the
/// older families, at most [`refresh::REVOCATION_BATCH_SIZE`], and returns their ids. Families
/// of later logins stay.
///
/// # Errors
/// When the database fails.
pub async fn revoke_more(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    epoch: i64,
    now: i64,
) -> Result<Vec<String>, RecordsError> {
    roles::lock(tx, organisation, username).await?;
    refresh::revoke_older(tx, organisation, username, epoch, now).await
}
