//! How sessions end.

use crate::error::RecordsError;
use crate::ids::OrgId;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use upload_domain::username::Username;

/// Death by logout. When this is committed, no replica and no cache may bring the session
/// back. Returns whether it was not revoked before.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    tx: &mut AnyConnection,
    proof: &str,
    now: i64,
) -> Result<bool, RecordsError> {
    let ended = sqlx::query(
        "UPDATE sessions SET revoked_at = $2, version = version + 1 \
         WHERE proof = $1 AND revoked_at IS NULL",
    )
    .bind(proof)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Death of all sessions of a user; their proofs, for the caches.
pub(crate) async fn revoke_all(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    now: i64,
) -> Result<Vec<String>, RecordsError> {
    let proofs = sqlx::query_scalar(
        "UPDATE sessions SET revoked_at = $3, version = version + 1 \
         WHERE organisation = $1 AND username = $2 AND revoked_at IS NULL \
         RETURNING proof",
    )
    .bind(organisation.as_str())
    .bind(username.as_str())
    .bind(now);
    Ok(proofs.fetch_all(tx).await?)
}

/// Ends that [`ended_since`] returns at once.
pub const ENDED_AT_ONCE: usize = 10_000;

/// The end of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// SHA-256 of the id.
    pub proof: String,
    /// When.
    pub at: i64,
}

/// What was revoked at or after `since`, oldest first, at most [`ENDED_AT_ONCE`]: so that
/// every replica can tell the caches what another one could not. An end carries the time
/// before its commit, so ask for some seconds more than have passed.
///
/// # Errors
/// When the database fails.
pub async fn ended_since(
    tx: &mut AnyConnection,
    since: i64,
) -> Result<Vec<End>, RecordsError> {
    let rows = sqlx::query(
        "SELECT proof, revoked_at FROM sessions WHERE revoked_at >= $1 \
         ORDER BY revoked_at, proof LIMIT 10000",
    )
    .bind(since)
    .fetch_all(tx)
    .await?;
    let end = |row: &AnyRow| {
        Ok(End { proof: row.try_get("proof")?, at: row.try_get("revoked_at")? })
    };
    rows.iter().map(end).collect()
}

/// Removes sessions that died before `before`, at most 1000 at once; how many. `before`
/// must be so long ago that no cache and no request under way knows them any more.
///
/// # Errors
/// When the database fails.
pub async fn sweep(tx: &mut AnyConnection, before: i64) -> Result<u64, RecordsError> {
    let swept = sqlx::query(
        "DELETE FROM sessions WHERE proof IN (SELECT proof FROM sessions \
         WHERE revoked_at < $1 OR expires_at < $1 OR last_seen_at + idle_ms < $1 \
         ORDER BY expires_at LIMIT 1000)",
    )
    .bind(before)
    .execute(tx)
    .await?;
    Ok(swept.rows_affected())
}
