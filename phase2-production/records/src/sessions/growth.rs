//! What happens to a session while it lives.

use crate::error::RecordsError;
use api_contract::sessions::MOST_FILES_REMEMBERED;
use sqlx::{AnyConnection, Row};

/// Writes down that a request came at `at`: that moves the idle time forward, never back.
/// It is not a change: the version stays. Returns whether the session was alive then; a
/// dead one stays dead.
///
/// # Errors
/// When the database fails.
pub async fn seen(
    tx: &mut AnyConnection,
    proof: &str,
    at: i64,
) -> Result<bool, RecordsError> {
    let alive = sqlx::query(
        "UPDATE sessions SET last_seen_at = \
           CASE WHEN last_seen_at < $2 THEN $2 ELSE last_seen_at END \
         WHERE proof = $1 AND revoked_at IS NULL AND expires_at > $2 \
           AND last_seen_at + idle_ms > $2",
    )
    .bind(proof)
    .bind(at)
    .execute(tx)
    .await?;
    Ok(alive.rows_affected() == 1)
}

/// Adds the name of a file and returns the session's version after it; `None` when the
/// session is not alive, and then nothing was added. Of fifty at once all fifty are kept:
/// each is a row. Of more than [`MOST_FILES_REMEMBERED`] the oldest are forgotten.
///
/// # Errors
/// When the database fails.
pub async fn add_file(
    tx: &mut AnyConnection,
    proof: &str,
    name: &str,
    now: i64,
) -> Result<Option<i64>, RecordsError> {
    // The lock on the session's row that this takes puts a logout before or after it.
    let alive = sqlx::query(
        "UPDATE sessions SET version = version + 1, last_seen_at = \
           CASE WHEN last_seen_at < $2 THEN $2 ELSE last_seen_at END \
         WHERE proof = $1 AND revoked_at IS NULL AND expires_at > $2 \
           AND last_seen_at + idle_ms > $2 \
         RETURNING version, organisation",
    )
    .bind(proof)
    .bind(now)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(alive) = alive else {
        return Ok(None);
    };
    let version: i64 = alive.try_get("version")?;
    let organisation: String = alive.try_get("organisation")?;
    sqlx::query(
        "INSERT INTO session_files (proof, position, organisation, name, added_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(proof)
    .bind(version)
    .bind(organisation)
    .bind(name)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    forget_the_oldest(tx, proof).await?;
    Ok(Some(version))
}

async fn forget_the_oldest(
    tx: &mut AnyConnection,
    proof: &str,
) -> Result<(), RecordsError> {
    sqlx::query(
        "DELETE FROM session_files WHERE proof = $1 AND position <= \
           (SELECT position FROM session_files WHERE proof = $1 \
            ORDER BY position DESC LIMIT 1 OFFSET $2)",
    )
    .bind(proof)
    .bind(i64::try_from(MOST_FILES_REMEMBERED).unwrap_or(i64::MAX))
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
    proof: &str,
) -> Result<Vec<String>, RecordsError> {
    let names = sqlx::query_scalar(
        "SELECT name FROM session_files WHERE proof = $1 ORDER BY position",
    )
    .bind(proof);
    Ok(names.fetch_all(tx).await?)
}
