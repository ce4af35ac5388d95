//! Roles: the admins of an organisation and the operators of the service. A change that could
//! remove the last one takes a lock first, because two changes could each see the other's
//! account as the one that is left.

use crate::error::RecordsError;
use crate::ids::OrgId;
use crate::scope::Scope;
use crate::{backend, row, scope};
use sqlx::{AnyConnection, Row};
use upload_domain::username::Username;

/// The admins of an organisation that may log in, by name. Until the transaction ends, no
/// other one changes them.
///
/// # Errors
/// When the database fails.
pub async fn lock_admins(
    tx: &mut AnyConnection,
    organisation: &OrgId,
) -> Result<Vec<Username>, RecordsError> {
    // A SQLite write transaction is exclusive from its start.
    let query = match backend::is_postgres(tx) {
        true => {
            "SELECT username FROM users WHERE organisation = $1 AND role = 'admin' \
             AND disabled_at IS NULL ORDER BY username FOR NO KEY UPDATE"
        }
        false => {
            "SELECT username FROM users WHERE organisation = $1 AND role = 'admin' \
             AND disabled_at IS NULL ORDER BY username"
        }
    };
    let admins = sqlx::query(query).bind(organisation.as_str()).fetch_all(tx).await?;
    admins.iter().map(row::username).collect()
}

/// Whether an account is an operator and may log in.
///
/// # Errors
/// When the database fails.
pub async fn is_operator(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
) -> Result<bool, RecordsError> {
    let found = sqlx::query(
        "SELECT username FROM users WHERE username = $1 AND organisation = $2 \
         AND operator = 1 AND disabled_at IS NULL",
    )
    .bind(username.as_str())
    .bind(organisation.as_str())
    .fetch_optional(tx)
    .await?;
    Ok(found.is_some())
}

/// The number of operators of the service that may log in. Until the transaction ends, no
/// other one that asked the same changes it. Afterwards the transaction sees the rows of
/// `organisation`.
///
/// # Errors
/// When the database fails, or the wait for the lock takes too long.
pub async fn operators(
    tx: &mut AnyConnection,
    organisation: &OrgId,
) -> Result<i64, RecordsError> {
    if backend::is_postgres(tx) {
        sqlx::query("SELECT pg_advisory_xact_lock(7305009)").execute(&mut *tx).await?;
    }
    Scope::Housekeeping.set(tx).await?;
    let count = "SELECT COUNT(*) AS operators FROM users WHERE operator = 1 AND disabled_at IS NULL";
    let count = sqlx::query(count).fetch_one(&mut *tx).await?.try_get("operators")?;
    scope::enter(tx, organisation).await?;
    Ok(count)
}

/// Locks the user's row until the transaction ends.
pub(super) async fn lock(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
) -> Result<(), RecordsError> {
    if backend::is_postgres(tx) {
        sqlx::query(
            "SELECT username FROM users WHERE organisation = $1 AND username = $2 \
             FOR NO KEY UPDATE",
        )
        .bind(organisation.as_str())
        .bind(username.as_str())
        .execute(tx)
        .await?;
    }
    Ok(())
}
