//! Changes of an account. Each invalidates all earlier credentials: in the same
//! transaction the epoch increases, and sessions and refresh families are revoked.

use crate::error::RecordsError;
use crate::ids::{OrgId, Role};
use crate::{refresh, sessions};
use sqlx::AnyConnection;
use upload_domain::username::Username;

/// The result of signing an account out everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOut {
    /// The new epoch.
    pub epoch: i64,
    /// The hashes of the revoked session ids, for the caches.
    pub sessions: Vec<String>,
    /// The revoked refresh families.
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
    let Some(epoch) = epoch else {
        return Ok(None);
    };
    let sessions = sessions::revoke_all(tx, organisation, username, now).await?;
    let families = refresh::revoke_all(tx, organisation, username, now).await?;
    Ok(Some(SignedOut { epoch, sessions, families }))
}
