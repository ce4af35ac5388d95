//! Refresh tokens: each may be used once, and all that came of one login form a family.
//!
//! A token that is used a second time means that two hold it, and nobody can tell which
//! of them is the thief: the family dies (RFC 9700 §4.14.2). The exception is a short
//! grace, in which the same successor is handed out again: an answer can get lost, and
//! two tabs can ask at once (FAPI 2.0 §5.3.2.1).
//!
//! No used token is forgotten before its family is: one that came back would be unknown, and
//! the thief who pushed it out would stay. So a family ends when it has had its share.

mod ends;
mod rotate;

pub(crate) use ends::revoke_all;
pub use ends::{revoke_family, sweep};
pub use rotate::{Rotated, Rotation, rotate};

use crate::error::RecordsError;
use crate::ids::{Member, OrgId};
use crate::{row, users};
use sqlx::{AnyConnection, Row};
use upload_domain::username::Username;

/// A family to be.
#[derive(Clone, Debug)]
pub struct NewFamily {
    /// A new, unguessable name.
    pub family: String,
    /// Whose.
    pub member: Member,
    /// Their epoch when the password was checked.
    pub epoch: i64,
    /// After this nobody is refreshed any more.
    pub expires_at: i64,
}

/// Whom a refresh token stands for, as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Who.
    pub member: Member,
    /// What is signed for them now must carry this.
    pub epoch: i64,
    /// The family.
    pub family: String,
    /// When the family ends.
    pub expires_at: i64,
}

/// Whose a refresh token is, whatever has become of it since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Their organisation.
    pub organisation: OrgId,
    /// Who.
    pub username: Username,
    /// The family.
    pub family: String,
}

/// Birth, at login. `proof` is that of the first token. `false` when the account was
/// disabled, or signed out everywhere, after its password was checked.
///
/// # Errors
/// When the database fails.
pub async fn start_family(
    tx: &mut AnyConnection,
    new: &NewFamily,
    proof: &str,
    now: i64,
) -> Result<bool, RecordsError> {
    if !users::hold(tx, &new.member, new.epoch, now).await? {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO refresh_families (family, organisation, username, created_at, \
           last_used_at, expires_at) VALUES ($1, $2, $3, $4, $4, $5)",
    )
    .bind(&new.family)
    .bind(new.member.organisation.as_str())
    .bind(new.member.username.as_str())
    .bind(now)
    .bind(new.expires_at)
    .execute(&mut *tx)
    .await?;
    issue(tx, &new.member.organisation, &new.family, proof, now).await?;
    Ok(true)
}

/// The next token of a family.
async fn issue(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    family: &str,
    proof: &str,
    now: i64,
) -> Result<(), RecordsError> {
    sqlx::query(
        "INSERT INTO refresh_tokens (proof, family, organisation, issued_at) \
         VALUES ($1, $2, $3, $4)",
    )
    .bind(proof)
    .bind(family)
    .bind(organisation.as_str())
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Whose a token is, dead or alive; `None` when nobody knows it. This only looks: it is what
/// anybody may ask, before anything is written.
///
/// # Errors
/// When the database fails.
pub async fn find(
    tx: &mut AnyConnection,
    proof: &str,
) -> Result<Option<Owner>, RecordsError> {
    let Some((family, organisation)) = family_of(tx, proof).await? else {
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

/// The family of a token, and whose it is. From here on the transaction sees that
/// organisation.
async fn family_of(
    tx: &mut AnyConnection,
    proof: &str,
) -> Result<Option<(String, OrgId)>, RecordsError> {
    let row =
        sqlx::query("SELECT family, organisation FROM refresh_tokens WHERE proof = $1")
            .bind(proof)
            .fetch_optional(&mut *tx)
            .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let organisation = row::organisation(&row)?;
    crate::scope::enter(tx, &organisation).await?;
    Ok(Some((row.try_get("family")?, organisation)))
}
