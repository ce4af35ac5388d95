//! Changes of a live session.

use crate::error::RecordsError;
use api_contract::sessions::MAX_SESSION_FILES;
use sqlx::{AnyConnection, Row};

/// Records a request at `at`: the idle time starts again, and never moves back. The
/// version stays, because this is not a change. Returns whether the session was alive
/// then; a dead one stays dead.
///
/// # Errors
/// When the database fails.
pub async fn record_use(
    tx: &mut AnyConnection,
    session_id_hash: &str,
    at: i64,
) -> Result<bool, RecordsError> {
    let alive = sqlx::query(
        "UPDATE sessions SET last_seen_at = \
           CASE WHEN last_seen_at < $2 THEN $2 ELSE last_seen_at END \
         WHERE session_id_hash = $1 AND revoked_at IS NULL AND expires_at > $2 \
           AND last_seen_at + idle_ms > $2",
    )
    .bind(session_id_hash)
    .bind(at)
    .execute(tx)
    .await?;
    Ok(alive.rows_affected() == 1)
}

/// The same for a use that a cache has accepted. The idle time in the row does not count,
/// because during an outage of the database the cache alone knows the uses before this one.
/// A session that was revoked, or is past its absolute end, stays dead.
///
/// # Errors
/// When the database fails.
pub async fn record_known_use(
    tx: &mut AnyConnection,
    session_id_hash: &str,
    at: i64,
) -> Result<bool, RecordsError> {
    let alive = sqlx::query(
        "UPDATE sessions SET last_seen_at = \
           CASE WHEN last_seen_at < $2 THEN $2 ELSE last_seen_at END \
         WHERE session_id_hash = $1 AND revoked_at IS NULL AND expires_at > $2",
    )
    .bind(session_id_hash)
    .bind(at)
    .execute(tx)
    .await?;
    Ok(alive.rows_affected() == 1)
}

/// Adds the name of a file and returns the session's new version; `None` if the session
/// is not alive, and then nothing was added. Fifty parallel calls add fifty names,
/// because each name is a row. Beyond [`MAX_SESSION_FILES`] the oldest are removed.
///
/// # Errors
/// When the database fails.
pub async fn add_file(
    tx: &mut AnyConnection,
    session_id_hash: &str,
    name: &str,
    now: i64,
) -> Result<Option<i64>, RecordsError> {
    // This locks the session's row, so a logout happens entirely before or after it.
    let alive = sqlx::query(
        "UPDATE sessions SET version = version + 1, last_seen_at = \
           CASE WHEN last_seen_at < $2 THEN $2 ELSE last_seen_at END \
         WHERE session_id_hash = $1 AND revoked_at IS NULL AND expires_at > $2 \
           AND last_seen_at + idle_ms > $2 \
         RETURNING version, organisation",
    )
    .bind(session_id_hash)
    .bind(now)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(alive) = alive else {
        return Ok(None);
    };
    let version: i64 = alive.try_get("version")?;
    let organisation: String = alive.try_get("organisation")?;
    sqlx::query(
        "INSERT INTO session_files (session_id_hash, position, organisation, name, added_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(session_id_hash)
    .bind(version)
    .bind(organisation)
    .bind(name)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    remove_oldest_files(tx, session_id_hash).await?;
    Ok(Some(version))
}

async fn remove_oldest_files(
    tx: &mut AnyConnection,
    session_id_hash: &str,
) -> Result<(), RecordsError> {
    sqlx::query(
        "DELETE FROM session_files WHERE session_id_hash = $1 AND position <= \
           (SELECT position FROM session_files WHERE session_id_hash = $1 \
            ORDER BY position DESC LIMIT 1 OFFSET $2)",
    )
    .bind(session_id_hash)
    .bind(i64::try_from(MAX_SESSION_FILES).unwrap_or(i64::MAX))
    .execute(tx)
    .await?;
    Ok(())
}

/// The names of the files, in the order in which they were added.
///
/// # Errors
/// When the database fails.
pub async fn files(
    tx: &mut AnyConnection,
    session_id_hash: &str,
) -> Result<Vec<String>, RecordsError> {
    let names = sqlx::query_scalar(
        "SELECT name FROM session_files WHERE session_id_hash = $1 ORDER BY position",
    )
    .bind(session_id_hash);
    Ok(names.fetch_all(tx).await?)
}
