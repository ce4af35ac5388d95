//! Recently stored files, for replicas that poll for events.
//!
//! A file carries the clock of the replica that stored it, read inside its transaction,
//! and becomes visible at the commit. So one may appear with an earlier time than others
//! that were already read. Each poll goes back by [`MAX_VISIBILITY_DELAY_MS`](crate::revocations::MAX_VISIBILITY_DELAY_MS)
//! and skips the known ones.

use crate::error::RecordsError;
use crate::ids::OrgId;
use crate::quota::stored;
use crate::scope;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;
use upload_domain::username::Username;

/// Files in one batch. After a full batch, ask again from its last file.
pub const BATCH_SIZE: usize = 10_000;

/// A recently stored file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentFile {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The file's id.
    pub file_id: FileId,
    /// The owner.
    pub owner: Username,
    /// The file's name.
    pub name: DisplayName,
}

/// Files of an organisation stored at `since` or later, or only those of `owner`; oldest
/// first, at most [`BATCH_SIZE`]. It enters the organisation's scope: one transaction may
/// read several organisations one after the other, and no statement sees rows of two.
///
/// # Errors
/// See [`RecordsError`].
pub async fn stored_since(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    owner: Option<&Username>,
    since: i64,
) -> Result<Vec<RecentFile>, RecordsError> {
    scope::enter(tx, organisation).await?;
    let rows = sqlx::query(
        "SELECT file_id, owner, name, uploaded_at FROM files \
         WHERE organisation = $1 AND uploaded_at >= $2 AND ($3 = '' OR owner = $3) \
         ORDER BY uploaded_at, file_id LIMIT $4",
    )
    .bind(organisation.as_str())
    .bind(since)
    .bind(owner.map_or("", Username::as_str))
    .bind(stored(BATCH_SIZE as u64))
    .fetch_all(tx)
    .await?;
    rows.iter().map(recent_file).collect()
}

fn recent_file(row: &AnyRow) -> Result<RecentFile, RecordsError> {
    let (id, owner): (String, String) = (row.try_get("file_id")?, row.try_get("owner")?);
    let name: String = row.try_get("name")?;
    Ok(RecentFile {
        at: row.try_get("uploaded_at")?,
        file_id: FileId::parse(&id)
            .ok_or_else(|| RecordsError::broken("a stored file id is invalid"))?,
        owner: Username::parse(&owner).map_err(RecordsError::broken)?,
        name: DisplayName::from_client(&name),
    })
}
