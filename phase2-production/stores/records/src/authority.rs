//! Whether an account may still write, inside the transaction that writes.
//!
//! A request may have been authorised minutes before its last byte. So the transaction
//! that makes its bytes count asks again. So does the one that removes a file or an upload.

use crate::backend;
use crate::error::RecordsError;
use crate::ids::Member;
use crate::quota;
use sqlx::AnyConnection;

const EPOCH: &str = "SELECT epoch FROM users \
     WHERE username = $1 AND organisation = $2 AND disabled_at IS NULL";
const EPOCH_LOCKED: &str = "SELECT epoch FROM users \
     WHERE username = $1 AND organisation = $2 AND disabled_at IS NULL FOR SHARE";

/// The account's epoch; `None` if the account is disabled or does not exist.
///
/// # Errors
/// See [`RecordsError`].
pub async fn epoch_of(
    tx: &mut AnyConnection,
    account: &Member,
) -> Result<Option<i64>, RecordsError> {
    query(tx, account, EPOCH).await
}

/// The same. Until the transaction ends, a change of the account waits.
pub(crate) async fn lock(
    tx: &mut AnyConnection,
    account: &Member,
) -> Result<Option<i64>, RecordsError> {
    // SQLite has one writer at a time, which needs no lock of a row.
    let statement = if backend::is_postgres(tx) { EPOCH_LOCKED } else { EPOCH };
    query(tx, account, statement).await
}

/// Whether the account is enabled and, if `epoch` is given, still has this epoch.
pub(crate) async fn may_write(
    tx: &mut AnyConnection,
    account: &Member,
    epoch: Option<i64>,
) -> Result<bool, RecordsError> {
    let found = lock(tx, account).await?;
    Ok(found.is_some_and(|found| epoch.is_none_or(|epoch| epoch == found)))
}

/// Whether the account is enabled, and so may remove its files and uploads. It locks the
/// account's quota row first, as every change of a charged object does.
///
/// # Errors
/// See [`RecordsError`].
pub async fn may_remove(
    tx: &mut AnyConnection,
    account: &Member,
) -> Result<bool, RecordsError> {
    quota::lock(tx, account).await?;
    may_write(tx, account, None).await
}

async fn query(
    tx: &mut AnyConnection,
    account: &Member,
    statement: &'static str,
) -> Result<Option<i64>, RecordsError> {
    let found = sqlx::query_scalar(statement)
        .bind(account.username.as_str())
        .bind(account.organisation.as_str())
        .fetch_optional(tx)
        .await?;
    Ok(found)
}
