//! Access tokens that were revoked before they expired. The key is issuer and `jti`,
//! never a hash of the token's text, because one token has many spellings (OWASP JWT). A
//! revocation of several tokens at once uses a name that no `jti` can have.

use crate::error::RecordsError;
use crate::ids::OrgId;
use crate::revocations::{self, Revocation};
use sqlx::AnyConnection;

/// A revoked token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The `iss` of the token.
    pub issuer: String,
    /// The `jti` of the token.
    pub jti: String,
    /// When the token expires. After that the entry may be removed.
    pub expires_at: i64,
}

/// Revokes a token. Returns `false` if it was already revoked. `now` must be the database's
/// clock, read in the transaction ([`crate::revocations`]).
///
/// # Errors
/// When the database fails.
pub async fn deny(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    token: &Denied,
    now: i64,
) -> Result<bool, RecordsError> {
    let denied = sqlx::query(
        "INSERT INTO revoked_tokens (issuer, jti, organisation, revoked_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(&token.issuer)
    .bind(&token.jti)
    .bind(organisation.as_str())
    .bind(now)
    .bind(token.expires_at)
    .execute(tx)
    .await?;
    Ok(denied.rows_affected() == 1)
}

/// Whether a token of this organisation was revoked.
///
/// # Errors
/// When the database fails.
pub async fn is_denied(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    issuer: &str,
    jti: &str,
) -> Result<bool, RecordsError> {
    let found = sqlx::query(
        "SELECT jti FROM revoked_tokens \
         WHERE issuer = $1 AND jti = $2 AND organisation = $3",
    )
    .bind(issuer)
    .bind(jti)
    .bind(organisation.as_str())
    .fetch_optional(tx)
    .await?;
    Ok(found.is_some())
}

/// Tokens of all organisations revoked after `end`, oldest first, named by their `jti`.
/// So every replica can send the caches the revocations that another replica could not.
///
/// # Errors
/// When the database fails.
pub async fn denied_after(
    tx: &mut AnyConnection,
    end: &Revocation,
) -> Result<Vec<Revocation>, RecordsError> {
    const QUERY: &str = "SELECT jti AS name, revoked_at FROM revoked_tokens \
         WHERE revoked_at >= $1 AND (revoked_at > $1 OR jti > $2) \
         ORDER BY revoked_at, jti LIMIT $3";
    revocations::after(tx, QUERY, end).await
}

/// Maximum number of entries that one sweep removes, so that it fits into the statement
/// timeout.
pub const SWEEP_BATCH_SIZE: u64 = 1_000;

/// Removes entries of tokens that expired before `before`, at most [`SWEEP_BATCH_SIZE`].
/// Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn sweep(tx: &mut AnyConnection, before: i64) -> Result<u64, RecordsError> {
    let swept = sqlx::query(
        "DELETE FROM revoked_tokens WHERE jti IN (SELECT jti FROM revoked_tokens \
         WHERE expires_at < $1 ORDER BY expires_at LIMIT $2) AND expires_at < $1",
    )
    .bind(before)
    .bind(i64::try_from(SWEEP_BATCH_SIZE).unwrap_or(i64::MAX))
    .execute(tx)
    .await?;
    Ok(swept.rows_affected())
}
