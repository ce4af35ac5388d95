//! Removes an upload: aborted by its owner, or expired.
//!
//! A transaction removes a limited number of parts, because the client decided how many
//! there are.

use super::{Kind, REMOVAL_BATCH_SIZE, Upload, discard_parts, select_uploads, upload_of};
use crate::audit::{self, AuditRow};
use crate::clock;
use crate::error::RecordsError;
use crate::ids::Member;
use crate::quota::{self, loaded, stored};
use sqlx::{AnyConnection, Row};
use upload_domain::file_id::FileId;

/// The reason to remove an upload.
#[derive(Clone, Copy, Debug)]
pub enum Removal<'a> {
    /// The owner aborted it; it must be open.
    Aborted(&'a AuditRow),
    /// The owner terminated it by tus, open or complete. The file of a complete upload
    /// stays.
    Terminated(&'a AuditRow),
    /// It expired at this time.
    Expired(i64),
}

impl Removal<'_> {
    fn covers(self, upload: &Upload, owner: &Member) -> bool {
        upload.owner == owner.username
            && match self {
                Self::Aborted(_) => upload.answer.is_none(),
                Self::Terminated(_) => upload.kind == Kind::Tus,
                Self::Expired(now) => upload.expires_at <= loaded(now),
            }
    }
}

/// What one call of [`remove`] removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Keys of blobs that no row references any more.
    pub blobs: Vec<String>,
    /// Whether the upload is gone. Otherwise it has more parts: call again.
    pub is_last: bool,
}

/// Removes an upload and releases its reservation, or removes
/// [`REMOVAL_BATCH_SIZE`] of its parts if it has more; then it takes no more bytes, and
/// the janitor finishes if no further call does. `None` if `owner` has no such upload, or
/// the reason does not cover it.
///
/// # Errors
/// See [`RecordsError`].
pub async fn remove(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
    reason: Removal<'_>,
) -> Result<Option<Removed>, RecordsError> {
    quota::lock(tx, owner).await?;
    let found = find_any(tx, owner, id).await?;
    let Some(upload) = found.filter(|upload| reason.covers(upload, owner)) else {
        return Ok(None);
    };
    let mut blobs = discard_parts(tx, &owner.organisation, id).await?;
    if blobs.len() == REMOVAL_BATCH_SIZE {
        expire(tx, owner, id).await?;
        return Ok(Some(Removed { blobs, is_last: false }));
    }
    delete(tx, owner, id).await?;
    if upload.answer.is_none() {
        quota::release(tx, owner, upload.size, 1).await?;
    }
    if let Removal::Aborted(cause) | Removal::Terminated(cause) = reason {
        audit::write(tx, cause).await?;
    }
    blobs.extend(upload.blob_key);
    Ok(Some(Removed { blobs, is_last: true }))
}

/// Also finds a form.
async fn find_any(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
) -> Result<Option<Upload>, RecordsError> {
    let row = sqlx::query(select_uploads!("WHERE organisation = $1 AND upload_id = $2"))
        .bind(owner.organisation.as_str())
        .bind(id.to_string())
        .fetch_optional(tx)
        .await?;
    row.map(|row| upload_of(&row)).transpose()
}

/// By any replica's clock, from now on.
async fn expire(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
) -> Result<(), RecordsError> {
    sqlx::query(
        "UPDATE uploads SET expires_at = created_at \
         WHERE organisation = $1 AND upload_id = $2 AND expires_at > created_at",
    )
    .bind(owner.organisation.as_str())
    .bind(id.to_string())
    .execute(tx)
    .await?;
    Ok(())
}

async fn delete(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
) -> Result<(), RecordsError> {
    sqlx::query("DELETE FROM uploads WHERE organisation = $1 AND upload_id = $2")
        .bind(owner.organisation.as_str())
        .bind(id.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// Removes an account's open uploads that expired at `now`, by the database's clock as well,
/// and that no janitor has
/// removed yet: they would occupy its quota. Returns whether there were any. Uploads with
/// more than [`REMOVAL_BATCH_SIZE`] parts together wait for the janitor. The blobs become
/// orphans. The owner's quota row must be locked.
pub(crate) async fn remove_expired(
    tx: &mut AnyConnection,
    owner: &Member,
    now: i64,
) -> Result<bool, RecordsError> {
    let (mut budget, mut removed) = (stored(REMOVAL_BATCH_SIZE as u64), false);
    for (id, size, parts) in expired_of(tx, owner, now).await? {
        if parts >= budget {
            continue;
        }
        budget -= parts;
        removed = true;
        discard_parts(tx, &owner.organisation, id).await?;
        delete(tx, owner, id).await?;
        quota::release(tx, owner, loaded(size), 1).await?;
    }
    Ok(removed)
}

/// Id, size and number of parts, counted up to the limit. A form expires by the
/// database's clock, because its lease does.
async fn expired_of(
    tx: &mut AnyConnection,
    owner: &Member,
    now: i64,
) -> Result<Vec<(FileId, i64, i64)>, RecordsError> {
    let database_now = clock::now(tx).await?;
    let rows = sqlx::query(
        "SELECT upload_id, size, (SELECT COUNT(*) FROM (SELECT 1 FROM upload_parts \
           WHERE upload_parts.upload_id = uploads.upload_id LIMIT $5) AS counted) AS parts \
         FROM uploads WHERE organisation = $1 AND owner = $2 AND state = 'open' \
         AND expires_at <= CASE WHEN is_form THEN $4 ELSE $3 END ORDER BY expires_at",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(now.min(database_now))
    .bind(database_now)
    .bind(stored(REMOVAL_BATCH_SIZE as u64))
    .fetch_all(tx)
    .await?;
    let expired = rows.iter().map(|row| {
        let id: String = row.try_get("upload_id")?;
        let id = FileId::parse(&id)
            .ok_or_else(|| RecordsError::broken("a stored upload id is invalid"))?;
        Ok((id, row.try_get("size")?, row.try_get("parts")?))
    });
    expired.collect()
}
