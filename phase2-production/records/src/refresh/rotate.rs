//! One token for the next.

use super::{Holder, family_of, issue};
use crate::backend;
use crate::error::RecordsError;
use crate::ids::OrgId;
use crate::row;
use sqlx::{AnyConnection, Row};

/// What is asked with a refresh token.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// SHA-256 of the token that was sent.
    pub proof: String,
    /// SHA-256 of the token that takes its place.
    pub new_proof: String,
    /// That token, encrypted, for a repeated question within the grace.
    pub successor_sealed: String,
    /// The time.
    pub now: i64,
    /// How long after its first use a token may be sent again, in milliseconds.
    pub grace_ms: i64,
    /// Tokens that one family may have, used ones included.
    pub most: i64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The new token counts from now on.
    Rotated(Holder),
    /// It was used a moment ago: the token that took its place then, encrypted. The new
    /// one was thrown away, so the family has one line only.
    Repeated(Holder, String),
    /// It was used long ago. The family is dead from now on; commit this.
    Reused(Holder),
    /// Its family is dead, or the account disabled.
    Revoked,
    /// The family's time ran out.
    Expired,
    /// The family has had as many tokens as it may. It is dead from now on; commit this.
    WornOut(Holder),
    /// Nobody knows it.
    Unknown,
}

/// Takes one token and puts the next in its place. Of two that race with the same token,
/// on whatever replica, one rotates and the other repeats: they wait for each other.
///
/// # Errors
/// When the database fails.
pub async fn rotate(
    tx: &mut AnyConnection,
    rotation: &Rotation,
) -> Result<Rotated, RecordsError> {
    let Some((family, organisation)) = family_of(tx, &rotation.proof).await? else {
        return Ok(Rotated::Unknown);
    };
    hold_owner(tx, &organisation, &family).await?;
    let Some(holder) = hold_family(tx, &organisation, family, rotation.now).await? else {
        return Ok(Rotated::Revoked);
    };
    if holder.expires_at <= rotation.now {
        return Ok(Rotated::Expired);
    }
    let now = rotation.now;
    if use_once(tx, rotation).await? {
        if tokens_of(tx, &holder.family).await? >= rotation.most {
            let (family, reason) = (&holder.family, "worn-out");
            super::revoke_family(tx, &organisation, family, reason, now).await?;
            return Ok(Rotated::WornOut(holder));
        }
        let new_proof = &rotation.new_proof;
        issue(tx, &organisation, &holder.family, new_proof, now).await?;
        return Ok(Rotated::Rotated(holder));
    }
    if let Some(successor) = recent_successor(tx, rotation).await? {
        return Ok(Rotated::Repeated(holder, successor));
    }
    super::revoke_family(tx, &organisation, &holder.family, "reuse", now).await?;
    Ok(Rotated::Reused(holder))
}

/// Locks the user before the family: in that order everybody takes the two, and a theft
/// that ends all families of a user is decided here, when it is too late to begin with it.
async fn hold_owner(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    family: &str,
) -> Result<(), RecordsError> {
    // SQLite's transactions are alone from their first moment.
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

/// Locks the family until the transaction ends; `None` when it is dead or its holder is
/// locked out.
async fn hold_family(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    family: String,
    now: i64,
) -> Result<Option<Holder>, RecordsError> {
    let held = sqlx::query(
        "UPDATE refresh_families SET last_used_at = $1 \
         WHERE family = $2 AND organisation = $3 AND revoked_at IS NULL \
         RETURNING username, expires_at",
    )
    .bind(now)
    .bind(&family)
    .bind(organisation.as_str())
    .fetch_optional(&mut *tx)
    .await?;
    let Some(held) = held else {
        return Ok(None);
    };
    let username: String = held.try_get("username")?;
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
    Ok(Some(Holder {
        member: row::member(&user)?,
        epoch: user.try_get("epoch")?,
        family,
        expires_at: held.try_get("expires_at")?,
    }))
}

/// Whether this is the token's first use.
async fn use_once(
    tx: &mut AnyConnection,
    rotation: &Rotation,
) -> Result<bool, RecordsError> {
    let used = sqlx::query(
        "UPDATE refresh_tokens SET used_at = $1, successor_sealed = $2 \
         WHERE proof = $3 AND used_at IS NULL",
    )
    .bind(rotation.now)
    .bind(&rotation.successor_sealed)
    .bind(&rotation.proof)
    .execute(tx)
    .await?;
    Ok(used.rows_affected() == 1)
}

/// How many tokens a family has had. Whoever asks holds the family.
async fn tokens_of(tx: &mut AnyConnection, family: &str) -> Result<i64, RecordsError> {
    let count = "SELECT COUNT(*) FROM refresh_tokens WHERE family = $1";
    Ok(sqlx::query_scalar(count).bind(family).fetch_one(tx).await?)
}

/// What took the token's place, if that was within the grace.
async fn recent_successor(
    tx: &mut AnyConnection,
    rotation: &Rotation,
) -> Result<Option<String>, RecordsError> {
    let sealed: Option<Option<String>> = sqlx::query_scalar(
        "SELECT successor_sealed FROM refresh_tokens \
         WHERE proof = $1 AND used_at + $2 > $3",
    )
    .bind(&rotation.proof)
    .bind(rotation.grace_ms)
    .bind(rotation.now)
    .fetch_optional(tx)
    .await?;
    Ok(sealed.flatten())
}
