//! Sessions in the database. The cache holds copies of these rows.
//!
//! Only [`create`] makes a session (its birth). Every other function changes a live row
//! or does nothing, so a request that was slower than a logout does not bring the session
//! back. A session dies by [`revoke`] or by time; the time is compared at each read.

mod growth;
mod revocation;

pub use growth::{add_file, files, record_known_use, record_use};
pub(crate) use revocation::revoke_all;
pub use revocation::{SWEEP_BATCH_SIZE, revoke, revoked_after, sweep};

use crate::clock;
use crate::error::RecordsError;
use crate::ids::{Member, OrgId};
use crate::refresh::REVOCATION_BATCH_SIZE;
use crate::{row, users};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use upload_domain::username::Username;

/// The data of a new session.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// SHA-256 of the session id.
    pub session_id_hash: String,
    /// The owner.
    pub member: Member,
    /// The account's epoch when the password was checked.
    pub epoch: i64,
    /// Idle timeout in milliseconds.
    pub idle_ms: i64,
    /// Absolute end of life.
    pub expires_at: i64,
}

/// A live session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the session id.
    pub session_id_hash: String,
    /// The owner, with the role at login.
    pub member: Member,
    /// The account's epoch at login.
    pub epoch: i64,
    /// Increases with every change.
    pub version: i64,
    /// Birth.
    pub created_at: i64,
    /// The last recorded request.
    pub last_seen_at: i64,
    /// Absolute end of life.
    pub expires_at: i64,
    /// Idle timeout in milliseconds.
    pub idle_ms: i64,
}

impl Session {
    /// When it ends without a further request.
    #[must_use]
    pub fn ends_at(&self) -> i64 {
        self.ends_at_if_used(0)
    }

    /// The same if it was used at `used_at`.
    fn ends_at_if_used(&self, used_at: i64) -> i64 {
        self.expires_at.min(self.last_seen_at.max(used_at).saturating_add(self.idle_ms))
    }
}

/// The outcome of [`create`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// The session lives. The user's oldest sessions with these `session_id_hash` values
    /// were revoked to stay within the limit.
    Yes(Session, Vec<String>),
    /// The account was disabled or signed out everywhere after the password check.
    AccountChanged,
}

/// The outcome of [`find`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The session is alive.
    Live(Session),
    /// The session expired.
    Expired,
    /// The session was revoked.
    Revoked {
        /// Version of the revocation, higher than that of any live copy.
        version: i64,
    },
    /// No such session, or it was swept.
    Unknown,
}

/// Creates a session (its birth). Afterwards the user has at most `most` live sessions,
/// however many logins race: they wait for each other at the user's row.
///
/// # Errors
/// When the database fails, or the hash is not new.
pub async fn create(
    tx: &mut AnyConnection,
    new: &NewSession,
    most: i64,
    now: i64,
) -> Result<Created, RecordsError> {
    if !users::lock_account(tx, &new.member, new.epoch, now).await? {
        return Ok(Created::AccountChanged);
    }
    let (organisation, username) = (&new.member.organisation, &new.member.username);
    let live = of_user(tx, organisation, username, now).await?;
    let excess =
        usize::try_from(most - 1).map_or(0, |most| live.len().saturating_sub(most));
    // A lowered limit can leave thousands. The next logins revoke the others.
    let excess = excess.min(REVOCATION_BATCH_SIZE);
    let mut revoked = Vec::with_capacity(excess);
    for oldest in live.into_iter().take(excess) {
        let revoked_at = clock::now(tx).await?;
        if revoke(tx, &oldest.session_id_hash, revoked_at).await? {
            revoked.push(oldest.session_id_hash);
        }
    }
    insert(tx, new, now).await?;
    Ok(Created::Yes(
        Session {
            session_id_hash: new.session_id_hash.clone(),
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

/// An existing hash is refused, never taken over.
async fn insert(
    tx: &mut AnyConnection,
    new: &NewSession,
    now: i64,
) -> Result<(), RecordsError> {
    let inserted = sqlx::query(
        "INSERT INTO sessions (session_id_hash, organisation, username, role, epoch, version, \
           created_at, last_seen_at, expires_at, idle_ms) \
         VALUES ($1, $2, $3, $4, $5, 1, $6, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(&new.session_id_hash)
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
        _ => Err(RecordsError::broken("a session with this id hash exists")),
    }
}

/// Finds a session by its hash and tells whether it is alive at `now`.
///
/// # Errors
/// When the database fails.
pub async fn find(
    tx: &mut AnyConnection,
    session_id_hash: &str,
    now: i64,
) -> Result<Found, RecordsError> {
    find_used(tx, session_id_hash, now, 0).await
}

/// The same with evidence from elsewhere of a use at `used_at`, which the row may lack: while
/// the database does not answer, a cache knows the uses. The returned session has the row's
/// last use.
///
/// # Errors
/// When the database fails.
pub async fn find_used(
    tx: &mut AnyConnection,
    session_id_hash: &str,
    now: i64,
    used_at: i64,
) -> Result<Found, RecordsError> {
    let row = sqlx::query(
        "SELECT session_id_hash, organisation, username, role, epoch, version, created_at, \
           last_seen_at, expires_at, idle_ms, revoked_at \
         FROM sessions WHERE session_id_hash = $1",
    )
    .bind(session_id_hash)
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else {
        return Ok(Found::Unknown);
    };
    let revoked_at: Option<i64> = row.try_get("revoked_at")?;
    let session = session(&row)?;
    Ok(if revoked_at.is_some() {
        Found::Revoked { version: session.version }
    } else if session.ends_at_if_used(used_at) <= now {
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
        "SELECT session_id_hash, organisation, username, role, epoch, version, created_at, \
           last_seen_at, expires_at, idle_ms FROM sessions \
         WHERE organisation = $1 AND username = $2 AND revoked_at IS NULL \
           AND expires_at > $3 AND last_seen_at + idle_ms > $3 \
         ORDER BY created_at, session_id_hash",
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
        session_id_hash: row.try_get("session_id_hash")?,
        member: row::member(row)?,
        epoch: row.try_get("epoch")?,
        version: row.try_get("version")?,
        created_at: row.try_get("created_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        expires_at: row.try_get("expires_at")?,
        idle_ms: row.try_get("idle_ms")?,
    })
}
