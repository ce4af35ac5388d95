//! What has come to be lately, for those who listen.
//!
//! A file carries the clock of whoever stored it, read inside the transaction that did. It
//! can be seen when that has committed, so one may appear behind another that was seen
//! before. Whoever asks goes back by [`LATEST_MS`](crate::ends::LATEST_MS) each time and
//! skips what is known.

use crate::error::RecordsError;
use crate::ids::OrgId;
use crate::quota::stored;
use crate::scope;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;
use upload_domain::username::Username;

/// Files in one answer. Where there are so many, ask again from the last of them.
pub const AT_ONCE: usize = 10_000;

/// A file that came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When, milliseconds since 1970.
    pub at: i64,
    /// What it is called.
    pub file_id: FileId,
    /// Whose it is.
    pub owner: Username,
    /// Its owner's name for it.
    pub name: DisplayName,
}

/// Files of an organisation that came to be at `since` or later, or those of `owner` alone;
/// oldest first, at most [`AT_ONCE`]. It enters the organisation's scope: one transaction
/// may look at several, one after the other, and no statement sees rows of two.
///
/// # Errors
/// See [`RecordsError`].
pub async fn arrivals(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    owner: Option<&Username>,
    since: i64,
) -> Result<Vec<Arrival>, RecordsError> {
    scope::enter(tx, organisation).await?;
    let rows = sqlx::query(
        "SELECT file_id, owner, name, uploaded_at FROM files \
         WHERE organisation = $1 AND uploaded_at >= $2 AND ($3 = '' OR owner = $3) \
         ORDER BY uploaded_at, file_id LIMIT $4",
    )
    .bind(organisation.as_str())
    .bind(since)
    .bind(owner.map_or("", Username::as_str))
    .bind(stored(AT_ONCE as u64))
    .fetch_all(tx)
    .await?;
    rows.iter().map(arrival).collect()
}

fn arrival(row: &AnyRow) -> Result<Arrival, RecordsError> {
    let (id, owner): (String, String) = (row.try_get("file_id")?, row.try_get("owner")?);
    let name: String = row.try_get("name")?;
    Ok(Arrival {
        at: row.try_get("uploaded_at")?,
        file_id: FileId::parse(&id)
            .ok_or_else(|| RecordsError::broken("a file id is no file id"))?,
        owner: Username::parse(&owner).map_err(RecordsError::broken)?,
        name: DisplayName::from_client(&name),
    })
}
