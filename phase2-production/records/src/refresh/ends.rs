//! How families end.

use super::family_of;
use crate::error::RecordsError;
use crate::ids::OrgId;
use crate::row;
use sqlx::AnyConnection;
use upload_domain::username::Username;

/// Ends a family. Returns whether it was alive.
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
    let ended = sqlx::query(
        "UPDATE refresh_families SET revoked_at = $1, revoked_reason = $2 \
         WHERE family = $3 AND organisation = $4 AND revoked_at IS NULL",
    )
    .bind(now)
    .bind(reason)
    .bind(family)
    .bind(organisation.as_str())
    .execute(tx)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Ends the family that a token belongs to, whatever token of it that is: the logout of
/// somebody who sends a refresh token. Returns whose it was and its name; `None` when
/// nobody knows the token.
///
/// # Errors
/// When the database fails.
pub async fn revoke_by_proof(
    tx: &mut AnyConnection,
    proof: &str,
    reason: &str,
    now: i64,
) -> Result<Option<(OrgId, String)>, RecordsError> {
    let Some((family, organisation)) = family_of(tx, proof).await? else {
        return Ok(None);
    };
    revoke_family(tx, &organisation, &family, reason, now).await?;
    Ok(Some((organisation, family)))
}

/// Whose family it is, dead or alive; `None` when `organisation` has no such family.
///
/// # Errors
/// When the database fails.
pub async fn owner_of(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    family: &str,
) -> Result<Option<Username>, RecordsError> {
    let found = sqlx::query(
        "SELECT username FROM refresh_families WHERE family = $1 AND organisation = $2",
    )
    .bind(family)
    .bind(organisation.as_str())
    .fetch_optional(tx)
    .await?;
    found.map(|row| row::username(&row)).transpose()
}

/// Ends all families of a user; their names.
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

/// Removes families that ended before `before`, with their tokens, at most 1000 at once;
/// how many. Also wipes successors whose grace ended before `grace_began`: what nobody
/// may ask for any more need not be kept, not even encrypted.
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
        "DELETE FROM refresh_families WHERE family IN (SELECT family \
         FROM refresh_families WHERE revoked_at < $1 OR expires_at < $1 \
         ORDER BY expires_at LIMIT 1000)",
    )
    .bind(before)
    .execute(tx)
    .await?;
    Ok(swept.rows_affected())
}
