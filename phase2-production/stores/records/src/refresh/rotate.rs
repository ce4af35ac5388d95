//! Rotation: exchanges a refresh token for its successor.

use super::{Holder, family_of, issue};
use crate::backend;
use crate::error::RecordsError;
use crate::ids::OrgId;
use crate::row;
use sqlx::{AnyConnection, Row};

/// A request to rotate a token.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// SHA-256 of the presented token.
    pub token_hash: String,
    /// SHA-256 of the successor.
    pub new_token_hash: String,
    /// The successor, encrypted, for a repeated request within the grace period.
    pub successor_sealed: String,
    /// The current time.
    pub now: i64,
    /// Grace period after a token's first use, in milliseconds.
    pub grace_ms: i64,
    /// Maximum number of tokens of a family, used ones included.
    pub max_tokens: i64,
}

/// The outcome of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The new token is valid.
    Rotated(Holder),
    /// The token was used within the grace period: this is its first successor,
    /// encrypted. The new one was discarded, so that a family has one valid token.
    Repeated(Holder, String),
    /// The token was reused after the grace period. The family is revoked; commit this.
    Reused(Holder),
    /// The family is revoked, or the account disabled.
    Revoked,
    /// The family expired.
    Expired,
    /// The family used up its tokens and is revoked; commit this.
    Exhausted(Holder),
    /// The token is unknown.
    Unknown,
}

/// Exchanges a token for its successor. If two requests race with the same token, on any
/// replicas, one rotates and the other gets [`Rotated::Repeated`]: they wait for each
/// other.
///
/// # Errors
/// When the database fails.
pub async fn rotate(
    tx: &mut AnyConnection,
    rotation: &Rotation,
) -> Result<Rotated, RecordsError> {
    let Some((family, organisation)) = family_of(tx, &rotation.token_hash).await? else {
        return Ok(Rotated::Unknown);
    };
    lock_owner(tx, &organisation, &family).await?;
    let Some(holder) = lock_family(tx, &organisation, family, rotation.now).await? else {
        return Ok(Rotated::Revoked);
    };
    if holder.expires_at <= rotation.now {
        return Ok(Rotated::Expired);
    }
    let now = rotation.now;
    if use_once(tx, rotation).await? {
        if tokens_of(tx, &holder.family).await? >= rotation.max_tokens {
            let (family, reason) = (&holder.family, "worn-out");
            super::revoke_family(tx, &organisation, family, reason, now).await?;
            return Ok(Rotated::Exhausted(holder));
        }
        let new_token_hash = &rotation.new_token_hash;
        issue(tx, &organisation, &holder.family, new_token_hash, now).await?;
        return Ok(Rotated::Rotated(holder));
    }
    if let Some(successor) = recent_successor(tx, rotation).await? {
        return Ok(Rotated::Repeated(holder, successor));
    }
    super::revoke_family(tx, &organisation, &holder.family, "reuse", now).await?;
    Ok(Rotated::Reused(holder))
}

/// Locks the user before the family. Every transaction takes the two in this order,
/// because a detected theft may revoke all families of the user, which is decided after
/// the family is locked.
async fn lock_owner(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    family: &str,
) -> Result<(), RecordsError> {
    // A SQLite write transaction is exclusive from its start.
    if !backend::is_postgres(tx) {
        return Ok(());
    }
    sqlx::query(
        "SELECT username FROM users WHERE organisation = $1 AND username = \
           (SELECT username FROM refresh_families \
            WHERE family = $2 AND organisation = $1) \
         FOR NO KEY UPDATE",
    )
    .bind(organisation.as_str())
    .bind(family)
    .execute(tx)
    .await?;
    Ok(())
}

/// Locks the family until the transaction ends; `None` if it is revoked, its account is
/// disabled, or the account was signed out everywhere after the family began.
async fn lock_family(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    family: String,
    now: i64,
) -> Result<Option<Holder>, RecordsError> {
    let locked = sqlx::query(
        "UPDATE refresh_families SET last_used_at = $1 \
         WHERE family = $2 AND organisation = $3 AND revoked_at IS NULL \
         RETURNING username, expires_at, epoch",
    )
    .bind(now)
    .bind(&family)
    .bind(organisation.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    let Some(locked) = locked else {
        return Ok(None);
    };
    let username: String = locked.try_get("username")?;
    let user = sqlx::query(
        "SELECT username, organisation, role, epoch FROM users \
         WHERE username = $1 AND organisation = $2 AND disabled_at IS NULL",
    )
    .bind(username)
    .bind(organisation.as_str())
    .fetch_optional(tx)
    .await?;
    let Some(user) = user else {
        return Ok(None);
    };
    let epoch: i64 = user.try_get("epoch")?;
    let born: Option<i64> = locked.try_get("epoch")?;
    if born.is_some_and(|born| born < epoch) {
        return Ok(None);
    }
    Ok(Some(Holder {
        member: row::member(&user)?,
        epoch,
        family,
        expires_at: locked.try_get("expires_at")?,
    }))
}

/// Marks the token as used. Returns whether this is its first use.
async fn use_once(
    tx: &mut AnyConnection,
    rotation: &Rotation,
) -> Result<bool, RecordsError> {
    let marked = sqlx::query(
        "UPDATE refresh_tokens SET used_at = $1, successor_sealed = $2 \
         WHERE token_hash = $3 AND used_at IS NULL",
    )
    .bind(rotation.now)
    .bind(&rotation.successor_sealed)
    .bind(&rotation.token_hash)
    .execute(tx)
    .await?;
    Ok(marked.rows_affected() == 1)
}

/// Number of tokens of a family. The caller has locked the family.
async fn tokens_of(tx: &mut AnyConnection, family: &str) -> Result<i64, RecordsError> {
    let count = "SELECT COUNT(*) FROM refresh_tokens WHERE family = $1";
    Ok(sqlx::query_scalar(count).bind(family).fetch_one(tx).await?)
}

/// The token's successor, if the token was used within the grace period.
async fn recent_successor(
    tx: &mut AnyConnection,
    rotation: &Rotation,
) -> Result<Option<String>, RecordsError> {
    let sealed: Option<Option<String>> = sqlx::query_scalar(
        "SELECT successor_sealed FROM refresh_tokens \
         WHERE token_hash = $1 AND used_at + $2 > $3",
    )
    .bind(&rotation.token_hash)
    .bind(rotation.grace_ms)
    .bind(rotation.now)
    .fetch_optional(tx)
    .await?;
    Ok(sealed.flatten())
}
