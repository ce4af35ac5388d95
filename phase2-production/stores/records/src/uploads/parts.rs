//! The parts of a tus upload.

use super::Upload;
use crate::authority;
use crate::error::RecordsError;
use crate::ids::OrgId;
use crate::quota::{loaded, stored};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use upload_domain::file_id::FileId;

/// Parts that [`parts`] returns at most.
pub const PARTS_PAGE_SIZE: usize = 1_000;

/// Parts that one transaction removes at most.
pub const REMOVAL_BATCH_SIZE: usize = 1_000;

/// A part of a tus upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The offset of its first byte.
    pub starts_at: u64,
    /// Size in bytes.
    pub size: u64,
    /// Key of the blob.
    pub blob_key: String,
}

/// A part to append. It may repeat the bytes of the last parts, which it replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPart {
    /// The part, with the repeated bytes.
    pub part: Part,
    /// The upload's offset: the part's bytes from here on are new.
    pub offset: u64,
    /// The account's epoch when the request was authorised; `None` if it does not matter.
    pub epoch: Option<i64>,
}

/// The outcome of [`append_part`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// The part counts. These blobs were replaced by it.
    Yes(Vec<String>),
    /// Nothing changed: the upload has another offset, has ended or has expired.
    No,
    /// Nothing changed: the account was disabled, or has another epoch.
    AccountEnded,
}

/// Adds a part if it starts at the upload's offset, and the upload is open and not
/// expired at `now`. Returns `false` if nothing changed.
///
/// # Errors
/// See [`RecordsError`].
pub async fn add_part(
    tx: &mut AnyConnection,
    upload: &Upload,
    part: &Part,
    now: i64,
) -> Result<bool, RecordsError> {
    let new = NewPart { part: part.clone(), offset: part.starts_at, epoch: None };
    let appended = append_part(tx, upload, &new, now).await?;
    Ok(matches!(appended, Appended::Yes(_)))
}

/// Appends a part if its new bytes start at the upload's offset, and the upload is open
/// and not expired at `now`.
///
/// # Errors
/// See [`RecordsError`].
pub async fn append_part(
    tx: &mut AnyConnection,
    upload: &Upload,
    new: &NewPart,
    now: i64,
) -> Result<Appended, RecordsError> {
    if !authority::may_write(tx, &upload.owned_by(), new.epoch).await? {
        return Ok(Appended::AccountEnded);
    }
    let NewPart { part, offset, .. } = new;
    let repeated = offset.saturating_sub(part.starts_at);
    let moved = sqlx::query(
        "UPDATE uploads SET received = received + $1, updated_at = $2 \
         WHERE organisation = $3 AND upload_id = $4 AND state = 'open' \
         AND received = $5 AND received + $1 <= size AND expires_at > $2",
    )
    .bind(stored(part.size.saturating_sub(repeated)))
    .bind(now)
    .bind(upload.organisation.as_str())
    .bind(upload.upload_id.to_string())
    .bind(stored(*offset))
    .execute(&mut *tx)
    .await?;
    if moved.rows_affected() != 1 {
        return Ok(Appended::No);
    }
    let replaced = match repeated {
        0 => Vec::new(),
        repeated => replace(tx, upload, part.starts_at, repeated).await?,
    };
    insert(tx, upload, part).await?;
    Ok(Appended::Yes(replaced))
}

/// Removes the last parts, whose bytes a new part repeats.
async fn replace(
    tx: &mut AnyConnection,
    upload: &Upload,
    from: u64,
    bytes: u64,
) -> Result<Vec<String>, RecordsError> {
    let rows = sqlx::query(
        "DELETE FROM upload_parts \
         WHERE organisation = $1 AND upload_id = $2 AND starts_at >= $3 \
         RETURNING starts_at, size, blob_key",
    )
    .bind(upload.organisation.as_str())
    .bind(upload.upload_id.to_string())
    .bind(stored(from))
    .fetch_all(tx)
    .await?;
    let parts: Vec<_> = rows.iter().map(part_of).collect::<Result<_, _>>()?;
    if parts.iter().map(|part| part.size).sum::<u64>() != bytes {
        return Err(RecordsError::broken("a part repeats other bytes than it replaces"));
    }
    Ok(parts.into_iter().map(|part| part.blob_key).collect())
}

async fn insert(
    tx: &mut AnyConnection,
    upload: &Upload,
    part: &Part,
) -> Result<(), RecordsError> {
    sqlx::query(
        "INSERT INTO upload_parts (upload_id, organisation, starts_at, size, blob_key) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(upload.upload_id.to_string())
    .bind(upload.organisation.as_str())
    .bind(stored(part.starts_at))
    .bind(stored(part.size))
    .bind(part.blob_key.as_str())
    .execute(tx)
    .await?;
    Ok(())
}

/// The parts of an upload from an offset on, in the order of their bytes, at most
/// [`PARTS_PAGE_SIZE`].
///
/// # Errors
/// See [`RecordsError`].
pub async fn parts(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    id: FileId,
    from: u64,
) -> Result<Vec<Part>, RecordsError> {
    let rows = sqlx::query(
        "SELECT starts_at, size, blob_key FROM upload_parts \
         WHERE organisation = $1 AND upload_id = $2 AND starts_at >= $3 \
         ORDER BY starts_at LIMIT $4",
    )
    .bind(organisation.as_str())
    .bind(id.to_string())
    .bind(stored(from))
    .bind(stored(PARTS_PAGE_SIZE as u64))
    .fetch_all(tx)
    .await?;
    rows.iter().map(part_of).collect()
}

/// The last parts of an upload, the last one first, at most `limit`.
///
/// # Errors
/// See [`RecordsError`].
pub async fn last_parts(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    id: FileId,
    limit: usize,
) -> Result<Vec<Part>, RecordsError> {
    let rows = sqlx::query(
        "SELECT starts_at, size, blob_key FROM upload_parts \
         WHERE organisation = $1 AND upload_id = $2 ORDER BY starts_at DESC LIMIT $3",
    )
    .bind(organisation.as_str())
    .bind(id.to_string())
    .bind(stored(limit as u64))
    .fetch_all(tx)
    .await?;
    rows.iter().map(part_of).collect()
}

/// Removes parts of an upload that takes no more of them, at most [`REMOVAL_BATCH_SIZE`].
/// Returns the keys of their blobs.
///
/// # Errors
/// See [`RecordsError`].
pub async fn discard_parts(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    id: FileId,
) -> Result<Vec<String>, RecordsError> {
    let keys = sqlx::query_scalar(
        "DELETE FROM upload_parts WHERE organisation = $1 AND upload_id = $2 \
         AND starts_at IN (SELECT starts_at FROM upload_parts \
           WHERE organisation = $1 AND upload_id = $2 ORDER BY starts_at LIMIT $3) \
         RETURNING blob_key",
    )
    .bind(organisation.as_str())
    .bind(id.to_string())
    .bind(stored(REMOVAL_BATCH_SIZE as u64))
    .fetch_all(tx)
    .await?;
    Ok(keys)
}

fn part_of(row: &AnyRow) -> Result<Part, RecordsError> {
    Ok(Part {
        starts_at: loaded(row.try_get("starts_at")?),
        size: loaded(row.try_get("size")?),
        blob_key: row.try_get("blob_key")?,
    })
}
