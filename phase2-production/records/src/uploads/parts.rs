//! The parts of a tus upload.

use super::Upload;
use crate::error::RecordsError;
use crate::ids::OrgId;
use crate::quota::{loaded, stored};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use upload_domain::file_id::FileId;

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
    let moved = sqlx::query(
        "UPDATE uploads SET received = received + $1, updated_at = $2 \
         WHERE organisation = $3 AND upload_id = $4 AND state = 'open' \
         AND received = $5 AND received + $1 <= size AND expires_at > $2",
    )
    .bind(stored(part.size))
    .bind(now)
    .bind(upload.organisation.as_str())
    .bind(upload.upload_id.to_string())
    .bind(stored(part.starts_at))
    .execute(&mut *tx)
    .await?;
    if moved.rows_affected() != 1 {
        return Ok(false);
    }
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
    Ok(true)
}

/// The parts of an upload, in the order of their bytes.
///
/// # Errors
/// See [`RecordsError`].
pub async fn parts(
    tx: &mut AnyConnection,
    organisation: &OrgId,
    id: FileId,
) -> Result<Vec<Part>, RecordsError> {
    let rows = sqlx::query(
        "SELECT starts_at, size, blob_key FROM upload_parts \
         WHERE organisation = $1 AND upload_id = $2 ORDER BY starts_at",
    )
    .bind(organisation.as_str())
    .bind(id.to_string())
    .fetch_all(tx)
    .await?;
    rows.iter().map(part_of).collect()
}

fn part_of(row: &AnyRow) -> Result<Part, RecordsError> {
    Ok(Part {
        starts_at: loaded(row.try_get("starts_at")?),
        size: loaded(row.try_get("size")?),
        blob_key: row.try_get("blob_key")?,
    })
}
