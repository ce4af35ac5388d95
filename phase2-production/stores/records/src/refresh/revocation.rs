//! Revokes and removes token families.

use crate::error::RecordsError;
use crate::ids::{Member, OrgId};
use sqlx::AnyConnection;
use upload_domain::username::Username;

/// Number of tokens after which a sweep takes no further family.
const SWEEP_BATCH_SIZE: i64 = 20_000;

/// Successors that one call of [`wipe_successors`] wipes at most, so that it fits into the
/// statement timeout.
pub const WIPE_BATCH_SIZE: u64 = 1_000;

/// Families that one transaction revokes at most. The caller writes a few rows for each, and
/// the transaction has to end within its timeout.
pub const REVOCATION_BATCH_SIZE: usize = 500;

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

/// Whether a family still has a valid token at `now`, for an account with this epoch.
///
/// # Errors
/// When the database fails.
pub async fn is_live(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    family: &str,
    epoch: i64,
    now: i64,
) -> Result<bool, RecordsError> {
    let live = sqlx::query(
        "SELECT family FROM refresh_families WHERE family = $1 AND organisation = $2 \
         AND revoked_at IS NULL AND (epoch IS NULL OR epoch >= $3) AND expires_at > $4",
    )
    .bind(family)
    .bind(organisation.as_str())
    .bind(epoch)
    .bind(now)
    .fetch_optional(tx)
    .await?;
    Ok(live.is_some())
}

/// Revokes families of a user that are older than `epoch`, at most
/// [`REVOCATION_BATCH_SIZE`]. Returns their ids. The caller has locked the user.
pub(crate) async fn revoke_older(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    epoch: i64,
    now: i64,
) -> Result<Vec<String>, RecordsError> {
    let families = sqlx::query_scalar(
        "UPDATE refresh_families SET revoked_at = $3, revoked_reason = 'signed-out' \
         WHERE family IN (SELECT family FROM refresh_families \
           WHERE organisation = $1 AND username = $2 AND revoked_at IS NULL \
             AND (epoch IS NULL OR epoch < $4) LIMIT $5) \
         RETURNING family",
    )
    .bind(organisation.as_str())
    .bind(username.as_str())
    .bind(now)
    .bind(epoch)
    .bind(i64::try_from(REVOCATION_BATCH_SIZE).unwrap_or(i64::MAX));
    Ok(families.fetch_all(tx).await?)
}

/// Revokes the oldest live families of a user until `most` are left, but at most
/// [`REVOCATION_BATCH_SIZE`]. Returns their ids. The caller has locked the user.
pub(super) async fn revoke_oldest(
    tx: &mut AnyConnection,
    owner: &Member,
    most: i64,
    now: i64,
) -> Result<Vec<String>, RecordsError> {
    let live: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM refresh_families WHERE organisation = $1 \
         AND username = $2 AND revoked_at IS NULL AND expires_at > $3",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(now)
    .fetch_one(&mut *tx)
    .await?;
    let batch = i64::try_from(REVOCATION_BATCH_SIZE).unwrap_or(i64::MAX);
    let excess = live.saturating_sub(most.max(0)).min(batch);
    if excess <= 0 {
        return Ok(Vec::new());
    }
    let families = sqlx::query_scalar(
        "UPDATE refresh_families SET revoked_at = $3, revoked_reason = 'limit' \
         WHERE family IN (SELECT family FROM refresh_families \
           WHERE organisation = $1 AND username = $2 AND revoked_at IS NULL \
             AND expires_at > $3 ORDER BY created_at, family LIMIT $4) \
         RETURNING family",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(now)
    .bind(excess);
    Ok(families.fetch_all(tx).await?)
}

/// Removes families that ended before `before`, with their tokens: the oldest first, at
/// most 1000, and none after the 20 000th token, so that a sweep fits into a
/// transaction's timeout. Returns how many: none only if none is left.
///
/// # Errors
/// When the database fails.
pub async fn sweep(tx: &mut AnyConnection, before: i64) -> Result<u64, RecordsError> {
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

/// Wipes successors with a grace period that began before `grace_began`, at most
/// [`WIPE_BATCH_SIZE`]: they are no longer needed, not even encrypted. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn wipe_successors(
    tx: &mut AnyConnection,
    grace_began: i64,
) -> Result<u64, RecordsError> {
    let wiped = sqlx::query(
        "UPDATE refresh_tokens SET successor_sealed = NULL WHERE token_hash IN \
           (SELECT token_hash FROM refresh_tokens \
            WHERE used_at < $1 AND successor_sealed IS NOT NULL LIMIT $2) \
         AND successor_sealed IS NOT NULL",
    )
    .bind(grace_began)
    .bind(i64::try_from(WIPE_BATCH_SIZE).unwrap_or(i64::MAX))
    .execute(tx)
    .await?;
    Ok(wiped.rows_affected())
}
