//! Reservations for uploads in one request (a form).
//!
//! A form is charged while its bytes arrive, not after the last one: otherwise a client
//! could hold any number of unfinished ones. Its row has a lease by the database's clock,
//! which the request renews; the reservation of a killed replica expires.

use super::{MAX_OPEN_UPLOADS, count_open, remove_expired};
use crate::clock;
use crate::error::RecordsError;
use crate::idempotency;
use crate::ids::Member;
use crate::quota::{self, Allowance, loaded, stored};
use sqlx::AnyConnection;
use upload_domain::file_id::FileId;

/// Milliseconds after which a reservation that is not renewed is released.
pub const LEASE_MS: i64 = 90_000;

/// The outcome of [`reserve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// This many bytes: as many as wanted, or as the quota has left.
    Bytes(u64),
    /// The caller's idempotency key was used: the request is a repetition and needs no
    /// bytes.
    KeyUsed,
    /// The quota has too few bytes left, and another request with the caller's idempotency
    /// key has reserved some.
    KeyInUse,
    /// The quota has no byte left, or no file.
    QuotaExceeded,
    /// The account has [`MAX_OPEN_UPLOADS`] open uploads.
    TooMany,
}

/// Reserves up to `wanted` bytes for a form with this id.
///
/// # Errors
/// See [`RecordsError`].
pub async fn reserve(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
    wanted: u64,
    allowed: Allowance,
    key: Option<&str>,
) -> Result<Reserved, RecordsError> {
    quota::lock(tx, owner).await?;
    if let Some(key) = key
        && idempotency::is_used(tx, owner, key).await?
    {
        return Ok(Reserved::KeyUsed);
    }
    let now = clock::now(tx).await?;
    let mut free = quota::free(tx, owner, allowed).await?;
    let mut open = count_open(tx, owner).await?;
    if (free < wanted || open >= MAX_OPEN_UPLOADS)
        && remove_expired(tx, owner, now).await?
    {
        free = quota::free(tx, owner, allowed).await?;
        open = count_open(tx, owner).await?;
    }
    if open >= MAX_OPEN_UPLOADS {
        return Ok(Reserved::TooMany);
    }
    if free < wanted && has_form(tx, owner, key).await? {
        return Ok(Reserved::KeyInUse);
    }
    let granted = wanted.min(free);
    if granted == 0 || !quota::reserve(tx, owner, granted, allowed).await? {
        return Ok(Reserved::QuotaExceeded);
    }
    insert(tx, owner, id, granted, key, now).await?;
    Ok(Reserved::Bytes(granted))
}

async fn insert(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
    bytes: u64,
    key: Option<&str>,
    now: i64,
) -> Result<(), RecordsError> {
    // A program of before this column takes the row for a presigned upload.
    sqlx::query(
        "INSERT INTO uploads (upload_id, kind, organisation, owner, name, content_type, \
         size, created_at, updated_at, expires_at, idempotency_key, is_form) \
         VALUES ($1, 'presigned', $2, $3, '', '', $4, $5, $5, $6, $7, TRUE)",
    )
    .bind(id.to_string())
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(stored(bytes))
    .bind(now)
    .bind(now.saturating_add(LEASE_MS))
    .bind(key.map(str::to_owned))
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether a request with this idempotency key has a reservation.
async fn has_form(
    tx: &mut AnyConnection,
    owner: &Member,
    key: Option<&str>,
) -> Result<bool, RecordsError> {
    let Some(key) = key else {
        return Ok(false);
    };
    let found = sqlx::query(
        "SELECT upload_id FROM uploads WHERE organisation = $1 AND owner = $2 \
         AND is_form AND idempotency_key = $3 LIMIT 1",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(key)
    .fetch_optional(tx)
    .await?;
    Ok(found.is_some())
}

/// Renews a reservation and raises it to `wanted` bytes, or to what the quota has left.
/// Returns the bytes now reserved; `None` if it was released.
///
/// # Errors
/// See [`RecordsError`].
pub async fn extend(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
    wanted: u64,
    allowed: Allowance,
) -> Result<Option<u64>, RecordsError> {
    quota::lock(tx, owner).await?;
    let Some(reserved) = size_of(tx, owner, id).await? else {
        return Ok(None);
    };
    let free = quota::free(tx, owner, allowed).await?;
    let more = wanted.saturating_sub(reserved).min(free);
    quota::reserve_more(tx, owner, more).await?;
    let now = clock::now(tx).await?;
    sqlx::query(
        "UPDATE uploads SET size = size + $1, expires_at = $2 \
         WHERE organisation = $3 AND upload_id = $4",
    )
    .bind(stored(more))
    .bind(now.saturating_add(LEASE_MS))
    .bind(owner.organisation.as_str())
    .bind(id.to_string())
    .execute(tx)
    .await?;
    Ok(Some(reserved + more))
}

async fn size_of(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
) -> Result<Option<u64>, RecordsError> {
    let size: Option<i64> = sqlx::query_scalar(
        "SELECT size FROM uploads \
         WHERE organisation = $1 AND owner = $2 AND upload_id = $3 AND is_form",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(id.to_string())
    .fetch_optional(tx)
    .await?;
    Ok(size.map(loaded))
}

/// Releases a reservation, if it still exists.
///
/// # Errors
/// See [`RecordsError`].
pub async fn release(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
) -> Result<(), RecordsError> {
    quota::lock(tx, owner).await?;
    take(tx, owner, id).await
}

/// The same for a caller that has locked the owner's quota row.
pub(crate) async fn take(
    tx: &mut AnyConnection,
    owner: &Member,
    id: FileId,
) -> Result<(), RecordsError> {
    let size: Option<i64> = sqlx::query_scalar(
        "DELETE FROM uploads WHERE organisation = $1 AND owner = $2 AND upload_id = $3 \
         AND is_form RETURNING size",
    )
    .bind(owner.organisation.as_str())
    .bind(owner.username.as_str())
    .bind(id.to_string())
    .fetch_optional(&mut *tx)
    .await?;
    match size {
        Some(size) => quota::release(tx, owner, loaded(size), 1).await,
        None => Ok(()),
    }
}
