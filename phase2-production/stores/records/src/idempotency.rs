//! Idempotency keys: a repeated upload is stored once
//! (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! A key's row is written in the transaction that creates its file, so there is no "in
//! progress" state: both exist or neither. The second request finds the first response.

use crate::clock;
use crate::error::RecordsError;
use crate::ids::Member;
use sha2::{Digest, Sha256};
use sqlx::{AnyConnection, Row};
use upload_domain::file_store::FileMeta;
use upload_domain::hex::hex;

/// Maximum number of keys that one sweep removes, so that it fits into the statement
/// timeout.
pub const SWEEP_BATCH_SIZE: u64 = 1_000;

/// Earlier use of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// The key is new.
    New,
    /// The same upload; this was its response.
    Repeated { answer: String },
    /// Another upload.
    Conflict,
}

/// Looks up a key. Exact only while the owner's quota row is locked.
pub(crate) async fn look_up(
    tx: &mut AnyConnection,
    owner: &Member,
    key: &str,
    meta: &FileMeta,
) -> Result<KeyUse, RecordsError> {
    let row = sqlx::query(
        "SELECT fingerprint, answer FROM idempotency_keys \
         WHERE organisation = $1 AND username = $2 AND key = $3",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(key)
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else {
        return Ok(KeyUse::New);
    };
    let same = row.try_get::<String, _>("fingerprint")? == fingerprint(meta);
    Ok(match same {
        true => KeyUse::Repeated { answer: row.try_get("answer")? },
        false => KeyUse::Conflict,
    })
}

/// Whether a key was used, for any upload.
pub(crate) async fn is_used(
    tx: &mut AnyConnection,
    owner: &Member,
    key: &str,
) -> Result<bool, RecordsError> {
    let row = sqlx::query(
        "SELECT key FROM idempotency_keys \
         WHERE organisation = $1 AND username = $2 AND key = $3",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(key)
    .fetch_optional(tx)
    .await?;
    Ok(row.is_some())
}

/// Stores the response to a key's first use. The time is the database's, because [`sweep`]
/// compares it with that clock.
pub(crate) async fn store(
    tx: &mut AnyConnection,
    owner: &Member,
    key: &str,
    meta: &FileMeta,
    answer: &str,
) -> Result<(), RecordsError> {
    let now = clock::now(tx).await?;
    sqlx::query(
        "INSERT INTO idempotency_keys \
         (organisation, username, key, fingerprint, answer, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(key)
    .bind(fingerprint(meta))
    .bind(answer)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes the keys that were first used before a time, at most [`SWEEP_BATCH_SIZE`]. Returns how
/// many. In [`Scope::Housekeeping`](crate::Scope::Housekeeping).
///
/// # Errors
/// See [`RecordsError`].
pub async fn sweep(tx: &mut AnyConnection, before: i64) -> Result<u64, RecordsError> {
    const QUERY: &str = "DELETE FROM idempotency_keys \
         WHERE (organisation, username, key) IN \
           (SELECT organisation, username, key FROM idempotency_keys \
            WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
    let removed = sqlx::query(QUERY)
        .bind(before)
        .bind(i64::try_from(SWEEP_BATCH_SIZE).unwrap_or(i64::MAX))
        .execute(tx)
        .await?;
    Ok(removed.rows_affected())
}

/// A hash of the bytes' hash and the name.
fn fingerprint(meta: &FileMeta) -> String {
    let upload = format!("{} {}", meta.sha256, meta.name);
    hex(&Sha256::digest(upload.as_bytes()))
}
