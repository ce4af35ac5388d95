//! Revokes and removes token families.

use crate::error::RecordsError;
use crate::ids::OrgId;
use sqlx::AnyConnection;
use upload_domain::username::Username;

/// Number of tokens after which a sweep takes no further family.
const SWEEP_BATCH_SIZE: i64 = 20_000;

/// Revokes a family. Returns whether it was alive.
///
/// # Errors
/// When the database fails.
pub async fn revoke_family(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    family: &str,
    reason: &str,
    now: i64,
) -> Result<bool, RecordsError> {
    let revoked = sqlx::query(
        "UPDATE refresh_families SET revoked_at = $1, revoked_reason = $2 \
         WHERE family = $3 AND organisation = $4 AND revoked_at IS NULL",
    )
    .bind(now)
    .bind(reason)
    .bind(family)
    .bind(organisation.as_str())
    .execute(tx)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// Revokes all families of a user. Returns their ids.
pub(crate) async fn revoke_all(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    now: i64,
) -> Result<Vec<String>, RecordsError> {
    let families = sqlx::query_scalar(
        "UPDATE refresh_families SET revoked_at = $3, revoked_reason = 'signed-out' \
         WHERE organisation = $1 AND username = $2 AND revoked_at IS NULL \
         RETURNING family",
    )
    .bind(organisation.as_str())
    .bind(username.as_str())
    .bind(now);
    Ok(families.fetch_all(tx).await?)
}

/// Removes families that ended before `before`, with their tokens: the oldest first, at
/// most 1000, and none after the 20 000th token, so that a sweep fits into a
/// transaction's timeout. Returns how many. Also wipes successors with a grace period
/// that began before `grace_began`: they are no longer needed, not even encrypted.
///
/// # Errors
/// When the database fails.
pub async fn sweep(
    tx: &mut AnyConnection,
    before: i64,
    grace_began: i64,
) -> Result<u64, RecordsError> {
    sqlx::query(
        "UPDATE refresh_tokens SET successor_sealed = NULL \
         WHERE used_at < $1 AND successor_sealed IS NOT NULL",
    )
    .bind(grace_began)
    .execute(&mut *tx)
    .await?;
    let swept = sqlx::query(
        "WITH ended AS (SELECT family, expires_at FROM refresh_families \
           WHERE revoked_at < $1 OR expires_at < $1 ORDER BY expires_at LIMIT 1000), \
         counted AS (SELECT ended.family, expires_at, COUNT(token_hash) AS tokens \
           FROM ended LEFT JOIN refresh_tokens \
             ON refresh_tokens.family = ended.family \
           GROUP BY ended.family, expires_at), \
         summed AS (SELECT family, \
             SUM(tokens) OVER (ORDER BY expires_at, family) - tokens AS earlier \
           FROM counted) \
         DELETE FROM refresh_families WHERE family IN \
           (SELECT family FROM summed WHERE earlier < $2)",
    )
    .bind(before)
    .bind(SWEEP_BATCH_SIZE)
    .execute(tx)
    .await?;
    Ok(swept.rows_affected())
}
