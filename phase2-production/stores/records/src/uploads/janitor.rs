//! Queries of the janitor across all organisations.

use super::{Upload, select_uploads, upload_of};
use crate::error::RecordsError;
use crate::quota::stored;
use sqlx::AnyConnection;

/// All uploads that expired at `now`, at most `limit`. In
/// [`Scope::Housekeeping`](crate::Scope::Housekeeping).
///
/// # Errors
/// See [`RecordsError`].
pub async fn expired(
    tx: &mut AnyConnection,
    now: i64,
    limit: usize,
) -> Result<Vec<Upload>, RecordsError> {
    let rows = sqlx::query(select_uploads!(
        "WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2"
    ))
    .bind(now)
    .bind(stored(limit as u64))
    .fetch_all(tx)
    .await?;
    rows.iter().map(upload_of).collect()
}

/// Open uploads with all their bytes since `before`, at most `limit`: the client did not
/// complete them. In [`Scope::Housekeeping`](crate::Scope::Housekeeping).
///
/// # Errors
/// See [`RecordsError`].
pub async fn unfinished(
    tx: &mut AnyConnection,
    before: i64,
    limit: usize,
) -> Result<Vec<Upload>, RecordsError> {
    let rows = sqlx::query(select_uploads!(
        "WHERE state = 'open' AND kind = 'tus' AND received = size \
         AND updated_at <= $1 ORDER BY updated_at LIMIT $2"
    ))
    .bind(before)
    .bind(stored(limit as u64))
    .fetch_all(tx)
    .await?;
    rows.iter().map(upload_of).collect()
}

/// Claims an unfinished upload, unless another replica did since `before`. In
/// [`Scope::Organisation`](crate::Scope::Organisation).
///
/// # Errors
/// See [`RecordsError`].
pub async fn claim(
    tx: &mut AnyConnection,
    upload: &Upload,
    before: i64,
    now: i64,
) -> Result<bool, RecordsError> {
    let claimed = sqlx::query(
        "UPDATE uploads SET updated_at = $1 WHERE organisation = $2 AND upload_id = $3 \
         AND state = 'open' AND updated_at <= $4",
    )
    .bind(now)
    .bind(upload.organisation.as_str())
    .bind(upload.upload_id.to_string())
    .bind(before)
    .execute(tx)
    .await?;
    Ok(claimed.rows_affected() == 1)
}
