//! How sessions end.

use crate::ends::{self, End};
use crate::error::RecordsError;
use crate::ids::OrgId;
use sqlx::AnyConnection;
use upload_domain::username::Username;

/// Death by logout. When this is committed, no replica and no cache may bring the session
/// back. Returns whether it was not revoked before. `now` must be read in the transaction
/// ([`crate::ends`]).
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

/// What was revoked after `end`, oldest first: so that every replica can tell the caches
/// what another one could not.
///
/// # Errors
/// When the database fails.
pub async fn ended_after(
    tx: &mut AnyConnection,
    end: &End,
) -> Result<Vec<End>, RecordsError> {
    const QUERY: &str = "SELECT proof AS name, revoked_at FROM sessions \
         WHERE revoked_at >= $1 AND (revoked_at > $1 OR proof > $2) \
         ORDER BY revoked_at, proof LIMIT $3";
    ends::after(tx, QUERY, end).await
}

/// Sessions that one sweep removes: few enough for the longest statement.
pub const AT_ONCE: u64 = 1_000;

/// Removes sessions that died before `before`, at most [`AT_ONCE`]; how many. `before` must be so long ago that no cache and no request under way knows them any more.
///
/// # Errors
/// When the database fails.
pub async fn sweep(tx: &mut AnyConnection, before: i64) -> Result<u64, RecordsError> {
    let swept = sqlx::query(
        "DELETE FROM sessions WHERE proof IN (SELECT proof FROM sessions \
         WHERE revoked_at < $1 OR expires_at < $1 OR last_seen_at + idle_ms < $1 \
         ORDER BY expires_at LIMIT $2)",
    )
    .bind(before)
    .bind(i64::try_from(AT_ONCE).unwrap_or(i64::MAX))
    .execute(tx)
    .await?;
    Ok(swept.rows_affected())
}
