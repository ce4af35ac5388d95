//! The keys that sign tokens: one set for all replicas. They belong to the whole service,
//! so the functions need [`crate::Scope::Housekeeping`]. [`enter_as_operator`] enters it,
//! and [`write_audit`] leaves it.

use crate::audit::{self, AuditRow};
use crate::error::RecordsError;
use crate::ids::Member;
use crate::scope::{self, Scope};
use crate::{authority, backend, users};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::fmt;

/// A key pair.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The key id in a token's header.
    pub kid: String,
    /// `EdDSA`, `RS256`, …
    pub algorithm: String,
    /// The private half, encrypted with a key that is not in this database.
    pub private_sealed: String,
    /// The public half (RFC 7517), as JSON.
    pub public_jwk: String,
    /// When it was created and published.
    pub created_at: i64,
    /// When it may start to sign.
    pub signs_from: i64,
    /// When it stops being published, if it is being retired.
    pub retires_at: Option<i64>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {})", self.kid, self.algorithm)
    }
}

/// Whether `caller` is an operator that may log in. Until the transaction ends, a change
/// of that account waits. From here on the transaction sees the keys, and no account.
///
/// # Errors
/// When the database fails, or the wait for the account takes too long.
pub async fn enter_as_operator(
    tx: &mut AnyConnection,
    caller: &Member,
) -> Result<bool, RecordsError> {
    scope::enter(tx, &caller.organisation).await?;
    // The lock first: the next statement sees the last change of the account.
    let is_operator = authority::may_write(tx, caller, None).await?
        && users::is_operator(tx, &caller.organisation, &caller.username).await?;
    Scope::Housekeeping.set(tx).await?;
    Ok(is_operator)
}

/// Adds the audit entry of a change to the keys, in the transaction of the change. From
/// here on the transaction sees the rows of the actor's organisation, and no key.
///
/// # Errors
/// When the database fails.
pub async fn write_audit(
    tx: &mut AnyConnection,
    entry: &AuditRow,
) -> Result<(), RecordsError> {
    scope::enter(tx, &entry.organisation).await?;
    audit::write(tx, entry).await
}

/// Takes the lock on the set of keys until the transaction ends. Take it before a
/// decision that must be made only once.
///
/// # Errors
/// When the database fails, or the wait for the lock takes too long.
pub async fn lock(tx: &mut AnyConnection) -> Result<(), RecordsError> {
    // A SQLite write transaction is exclusive from its start.
    if backend::is_postgres(tx) {
        sqlx::query("SELECT pg_advisory_xact_lock(7305002)").execute(tx).await?;
    }
    Ok(())
}

/// Adds a key. Returns `false` if a key with this id exists; that one stays.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &mut AnyConnection,
    key: &SigningKey,
) -> Result<bool, RecordsError> {
    let inserted = sqlx::query(
        "INSERT INTO signing_keys (kid, algorithm, private_sealed, public_jwk, \
           created_at, signs_from, retires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(&key.kid)
    .bind(&key.algorithm)
    .bind(&key.private_sealed)
    .bind(&key.public_jwk)
    .bind(key.created_at)
    .bind(key.signs_from)
    .bind(key.retires_at)
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// All keys, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(tx: &mut AnyConnection) -> Result<Vec<SigningKey>, RecordsError> {
    let rows = sqlx::query(
        "SELECT kid, algorithm, private_sealed, public_jwk, created_at, signs_from, \
           retires_at FROM signing_keys ORDER BY created_at, kid",
    )
    .fetch_all(tx)
    .await?;
    rows.iter().map(key).collect()
}

fn key(row: &AnyRow) -> Result<SigningKey, RecordsError> {
    Ok(SigningKey {
        kid: row.try_get("kid")?,
        algorithm: row.try_get("algorithm")?,
        private_sealed: row.try_get("private_sealed")?,
        public_jwk: row.try_get("public_jwk")?,
        created_at: row.try_get("created_at")?,
        signs_from: row.try_get("signs_from")?,
        retires_at: row.try_get("retires_at")?,
    })
}

/// Sets when a key stops being published. It can be set once. Returns whether this call
/// set it.
///
/// # Errors
/// When the database fails.
pub async fn retire(
    tx: &mut AnyConnection,
    kid: &str,
    retires_at: i64,
) -> Result<bool, RecordsError> {
    let retired = sqlx::query(
        "UPDATE signing_keys SET retires_at = $2 WHERE kid = $1 AND retires_at IS NULL",
    )
    .bind(kid)
    .bind(retires_at)
    .execute(tx)
    .await?;
    Ok(retired.rows_affected() == 1)
}

/// Removes retired keys. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn sweep(tx: &mut AnyConnection, now: i64) -> Result<u64, RecordsError> {
    let swept = sqlx::query("DELETE FROM signing_keys WHERE retires_at <= $1")
        .bind(now)
        .execute(tx)
        .await?;
    Ok(swept.rows_affected())
}
