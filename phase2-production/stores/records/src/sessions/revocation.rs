//! Revokes and removes sessions.

use crate::error::RecordsError;
use crate::ids::OrgId;
use crate::revocations::{self, Revocation};
use sqlx::AnyConnection;
use upload_domain::username::Username;

/// Revokes a session (death by logout). After the commit no replica and no cache may
/// bring the session back. Returns `false` if it was already revoked. `now` must be the
/// database's clock, read in the transaction ([`crate::revocations`]).
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    tx: &mut AnyConnection,
    session_id_hash: &str,
    now: i64,
) -> Result<bool, RecordsError> {
    let revoked = sqlx::query(
        "UPDATE sessions SET revoked_at = $2, version = version + 1 \
         WHERE session_id_hash = $1 AND revoked_at IS NULL",
    )
    .bind(session_id_hash)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// Revokes all sessions of a user. Returns their hashes, for the caches.
pub(crate) async fn revoke_all(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    now: i64,
) -> Result<Vec<String>, RecordsError> {
    let session_id_hashes = sqlx::query_scalar(
        "UPDATE sessions SET revoked_at = $3, version = version + 1 \
         WHERE organisation = $1 AND username = $2 AND revoked_at IS NULL \
         RETURNING session_id_hash",
    )
    .bind(organisation.as_str())
    .bind(username.as_str())
    .bind(now);
    Ok(session_id_hashes.fetch_all(tx).await?)
}

/// Sessions revoked after `end`, oldest first: so every replica can send the caches the
/// invalidations that another replica could not.
///
/// # Errors
/// When the database fails.
pub async fn revoked_after(
    tx: &mut AnyConnection,
    end: &Revocation,
) -> Result<Vec<Revocation>, RecordsError> {
    const QUERY: &str = "SELECT session_id_hash AS name, revoked_at FROM sessions \
         WHERE revoked_at >= $1 AND (revoked_at > $1 OR session_id_hash > $2) \
         ORDER BY revoked_at, session_id_hash LIMIT $3";
    revocations::after(tx, QUERY, end).await
}

/// Maximum number of sessions that one sweep removes, so that it fits into the statement
/// timeout.
pub const SWEEP_BATCH_SIZE: u64 = 1_000;

/// Removes sessions that died before `before`, at most [`SWEEP_BATCH_SIZE`]. Returns how many. `before`
/// must be so long ago that no cache and no running request still holds them.
///
/// # Errors
/// When the database fails.
pub async fn sweep(tx: &mut AnyConnection, before: i64) -> Result<u64, RecordsError> {
    let swept = sqlx::query(
        "DELETE FROM sessions WHERE session_id_hash IN (SELECT session_id_hash FROM sessions \
         WHERE revoked_at < $1 OR expires_at < $1 OR last_seen_at + idle_ms < $1 \
         ORDER BY expires_at LIMIT $2)",
    )
    .bind(before)
    .bind(i64::try_from(SWEEP_BATCH_SIZE).unwrap_or(i64::MAX))
    .execute(tx)
    .await?;
    Ok(swept.rows_affected())
}
