//! Sessions: the truth that a cache is a copy of.
//!
//! A session is born by [`create`] alone. Everything else changes a row that is alive or
//! does nothing, so a request that was slower than a logout brings nothing back. It dies
//! by [`revoke`] or by time; time is compared when the row is read.

mod ends;
mod growth;

pub(crate) use ends::revoke_all;
pub use ends::{AT_ONCE, ended_after, revoke, sweep};
pub use growth::{add_file, files, seen};

use crate::error::RecordsError;
use crate::ids::{Member, OrgId};
use crate::{row, users};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use upload_domain::username::Username;

/// A session to be.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// SHA-256 of the id.
    pub proof: String,
    /// Whose.
    pub member: Member,
    /// Their epoch when the password was checked.
    pub epoch: i64,
    /// Milliseconds without a request that it survives.
    pub idle_ms: i64,
    /// When it ends, however busy.
    pub expires_at: i64,
}

/// A live session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the id.
    pub proof: String,
    /// Whose, with the role of their login.
    pub member: Member,
    /// Their epoch at login.
    pub epoch: i64,
    /// Rises with every change.
    pub version: i64,
    /// Birth.
    pub created_at: i64,
    /// The last request that was written down.
    pub last_seen_at: i64,
    /// When it ends, however busy.
    pub expires_at: i64,
    /// Milliseconds without a request that it survives.
    pub idle_ms: i64,
}

impl Session {
    /// When it ends if nobody comes any more.
    #[must_use]
    pub fn ends_at(&self) -> i64 {
        self.expires_at.min(self.last_seen_at + self.idle_ms)
    }
}

/// What came of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It lives. These proofs of the same user died, the oldest, to make room.
    Yes(Session, Vec<String>),
    /// The account was disabled, or signed out everywhere, after its password was checked.
    AccountChanged,
}

/// What a proof is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A session.
    Live(Session),
    /// Nothing: its time ran out.
    Expired,
    /// Nothing: it was ended. The version is that of the end.
    Revoked {
        /// Higher than any version that was alive.
        version: i64,
    },
    /// Nothing, and never was, or too long ago.
    Unknown,
}

/// Birth. At most `most` live sessions a user are left after it, however many logins
/// race: they wait for each other at the user's row.
///
/// # Errors
/// When the database fails, or the proof is not new.
pub async fn create(
    tx: &mut AnyConnection,
    new: &NewSession,
    most: i64,
    now: i64,
) -> Result<Created, RecordsError> {
    if !users::hold(tx, &new.member, new.epoch, now).await? {
        return Ok(Created::AccountChanged);
    }
    let (organisation, username) = (&new.member.organisation, &new.member.username);
    let live = of_user(tx, organisation, username, now).await?;
    let too_many =
        usize::try_from(most - 1).map_or(0, |most| live.len().saturating_sub(most));
    let mut revoked = Vec::with_capacity(too_many);
    for oldest in live.into_iter().take(too_many) {
        if revoke(tx, &oldest.proof, now).await? {
            revoked.push(oldest.proof);
        }
    }
    insert(tx, new, now).await?;
    Ok(Created::Yes(
        Session {
            proof: new.proof.clone(),
            member: new.member.clone(),
            epoch: new.epoch,
            version: 1,
            created_at: now,
            last_seen_at: now,
            expires_at: new.expires_at,
            idle_ms: new.idle_ms,
        },
        revoked,
    ))
}

/// A proof that is there already is refused, never taken over.
async fn insert(
    tx: &mut AnyConnection,
    new: &NewSession,
    now: i64,
) -> Result<(), RecordsError> {
    let inserted = sqlx::query(
        "INSERT INTO sessions (proof, organisation, username, role, epoch, version, \
           created_at, last_seen_at, expires_at, idle_ms) \
         VALUES ($1, $2, $3, $4, $5, 1, $6, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(&new.proof)
    .bind(new.member.organisation.as_str())
    .bind(new.member.username.as_str())
    .bind(new.member.role.as_str())
    .bind(new.epoch)
    .bind(now)
    .bind(new.expires_at)
    .bind(new.idle_ms)
    .execute(tx)
    .await?;
    match inserted.rows_affected() {
        1 => Ok(()),
        _ => Err(RecordsError::broken("a session with this proof exists")),
    }
}

/// What `proof` is good for at this moment.
///
/// # Errors
/// When the database fails.
pub async fn find(
    tx: &mut AnyConnection,
    proof: &str,
    now: i64,
) -> Result<Found, RecordsError> {
    let row = sqlx::query(
        "SELECT proof, organisation, username, role, epoch, version, created_at, \
           last_seen_at, expires_at, idle_ms, revoked_at \
         FROM sessions WHERE proof = $1",
    )
    .bind(proof)
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else {
        return Ok(Found::Unknown);
    };
    let revoked_at: Option<i64> = row.try_get("revoked_at")?;
    let session = session(&row)?;
    Ok(if revoked_at.is_some() {
        Found::Revoked { version: session.version }
    } else if session.ends_at() <= now {
        Found::Expired
    } else {
        Found::Live(session)
    })
}

/// The live sessions of a user, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn of_user(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    username: &Username,
    now: i64,
) -> Result<Vec<Session>, RecordsError> {
    let rows = sqlx::query(
        "SELECT proof, organisation, username, role, epoch, version, created_at, \
           last_seen_at, expires_at, idle_ms FROM sessions \
         WHERE organisation = $1 AND username = $2 AND revoked_at IS NULL \
           AND expires_at > $3 AND last_seen_at + idle_ms > $3 \
         ORDER BY created_at, proof",
    )
    .bind(organisation.as_str())
    .bind(username.as_str())
    .bind(now)
    .fetch_all(tx)
    .await?;
    rows.iter().map(session).collect()
}

fn session(row: &AnyRow) -> Result<Session, RecordsError> {
    Ok(Session {
        proof: row.try_get("proof")?,
        member: row::member(row)?,
        epoch: row.try_get("epoch")?,
        version: row.try_get("version")?,
        created_at: row.try_get("created_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        expires_at: row.try_get("expires_at")?,
        idle_ms: row.try_get("idle_ms")?,
    })
}
