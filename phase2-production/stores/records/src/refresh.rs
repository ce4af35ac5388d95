//! Refresh tokens. Each may be used once; all tokens of one login form a family.
//!
//! A second use of a token means that two clients hold it and one of them may be a thief:
//! the family is revoked (RFC 9700 §4.14.2). The exception is a short grace period, in
//! which the same successor is returned again: a reply can get lost, and two tabs can
//! refresh at once (FAPI 2.0 §5.3.2.1).
//!
//! A used token stays as long as its family. If it were removed, its reuse would look
//! like an unknown token, and the thief would not be detected. So a family has a maximum
//! number of tokens and ends when they are used up.
//!
//! The number of families of an account is limited, too: a login beyond the limit revokes the
//! oldest. A transaction revokes a bounded number of families, so that no number of logins
//! keeps an account from logging in or signing out.

mod revocation;
mod rotate;

pub(crate) use revocation::revoke_older;
pub use revocation::{
    REVOCATION_BATCH_SIZE, WIPE_BATCH_SIZE, is_live, revoke_family, sweep,
    wipe_successors,
};
pub use rotate::{Rotated, Rotation, rotate};

use crate::error::RecordsError;
use crate::ids::{Member, OrgId};
use crate::{row, users};
use sqlx::{AnyConnection, Row};
use upload_domain::username::Username;

/// The data of a new family.
#[derive(Clone, Debug)]
pub struct NewFamily {
    /// A new, unguessable id.
    pub family: String,
    /// The account.
    pub member: Member,
    /// The account's epoch when the password was checked.
    pub epoch: i64,
    /// Absolute end: no token of the family is accepted after this.
    pub expires_at: i64,
}

/// The account and family of a valid refresh token, as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The account.
    pub member: Member,
    /// The account's epoch; a new access token must carry it.
    pub epoch: i64,
    /// The family.
    pub family: String,
    /// When the family ends.
    pub expires_at: i64,
}

/// The account and family of a refresh token, valid or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The account's organisation.
    pub organisation: OrgId,
    /// The account's user name.
    pub username: Username,
    /// The family.
    pub family: String,
}

/// Starts a family at login (its birth). `token_hash` belongs to the first token. Afterwards
/// the account has at most `most` live families: the oldest were revoked, and their ids are
/// returned. If older programs left more than [`REVOCATION_BATCH_SIZE`] too many, each login
/// revokes that number. `None` if the account was disabled or signed out everywhere after the
/// password check.
///
/// # Errors
/// When the database fails.
pub async fn start_family(
    tx: &mut AnyConnection,
    new: &NewFamily,
    token_hash: &str,
    most: i64,
    now: i64,
) -> Result<Option<Vec<String>>, RecordsError> {
    if !users::lock_account(tx, &new.member, new.epoch, now).await? {
        return Ok(None);
    }
    let revoked = revocation::revoke_oldest(tx, &new.member, most - 1, now).await?;
    sqlx::query(
        "INSERT INTO refresh_families (family, organisation, username, created_at, \
           last_used_at, expires_at, epoch) VALUES ($1, $2, $3, $4, $4, $5, $6)",
    )
    .bind(&new.family)
    .bind(new.member.organisation.as_str())
    .bind(new.member.username.as_str())
    .bind(now)
    .bind(new.expires_at)
    .bind(new.epoch)
    .execute(&mut *tx)
    .await?;
    issue(tx, &new.member.organisation, &new.family, token_hash, now).await?;
    Ok(Some(revoked))
}

/// Adds a token to a family.
async fn issue(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    family: &str,
    token_hash: &str,
    now: i64,
) -> Result<(), RecordsError> {
    sqlx::query(
        "INSERT INTO refresh_tokens (token_hash, family, organisation, issued_at) \
         VALUES ($1, $2, $3, $4)",
    )
    .bind(token_hash)
    .bind(family)
    .bind(organisation.as_str())
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds the owner of a token, valid or not; `None` if the token is unknown. This only
/// reads: any caller may ask, before anything is written.
///
/// # Errors
/// When the database fails.
pub async fn find(
    tx: &mut AnyConnection,
    token_hash: &str,
) -> Result<Option<Owner>, RecordsError> {
    let Some((family, organisation)) = family_of(tx, token_hash).await? else {
        return Ok(None);
    };
    let found = sqlx::query(
        "SELECT username FROM refresh_families WHERE family = $1 AND organisation = $2",
    )
    .bind(&family)
    .bind(organisation.as_str())
    .fetch_optional(tx)
    .await?;
    let username = found.map(|row| row::username(&row)).transpose()?;
    Ok(username.map(|username| Owner { organisation, username, family }))
}

/// The family and organisation of a token. Afterwards the transaction sees that
/// organisation's rows.
async fn family_of(
    tx: &mut AnyConnection,
    token_hash: &str,
) -> Result<Option<(String, OrgId)>, RecordsError> {
    let row = sqlx::query(
        "SELECT family, organisation FROM refresh_tokens WHERE token_hash = $1",
    )
    .bind(token_hash)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let organisation = row::organisation(&row)?;
    crate::scope::enter(tx, &organisation).await?;
    Ok(Some((row.try_get("family")?, organisation)))
}
