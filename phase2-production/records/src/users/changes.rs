//! Changes of an account. Each ends everything that was proved before: the epoch rises, and
//! sessions and refresh families die in the same transaction.

use crate::error::RecordsError;
use crate::ids::{OrgId, Role};
use crate::{refresh, sessions};
use sqlx::AnyConnection;
use upload_domain::username::Username;

/// What died when somebody was signed out everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOut {
    /// The epoch from now on.
    pub epoch: i64,
    /// The proofs of their sessions, for the caches.
    pub sessions: Vec<String>,
    /// Their refresh families.
    pub families: Vec<String>,
}

/// Sets another password and signs them out everywhere. `None` when `organisation` has
/// no such user, or they are not what they were at `epoch`, when the old password was
/// checked: of two changes at once the second was proved with a password that is none any
/// more.
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

/// Sets another role and signs them out everywhere: what was proved under the old role
/// is worth nothing. `None` when `organisation` has no such user.
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

/// Locks somebody out or lets them in again, and signs them out everywhere. `None` when
/// `organisation` has no such user.
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

/// Ends every session, refresh family and token of a user. One that is being created at
/// this moment is either ended here, too, or refused: see `hold`. `None` when
/// `organisation` has no such user.
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
