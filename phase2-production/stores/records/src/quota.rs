//! Quota of an account's files: exact, however many replicas use it at once.
//!
//! Every change of the sum locks the account's quota row first, and so does every
//! creation and end of a charged object. So the commits of one account are serialised;
//! idempotency keys rely on that, too.

use crate::error::RecordsError;
use crate::ids::Member;
use sqlx::{AnyConnection, Row};

/// The default limit of an account without its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes of files and open uploads.
    pub bytes: u64,
    /// Number of files and open uploads: an empty one needs a row and a file name, too.
    pub files: u64,
}

/// Storage used by an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of files.
    pub used: u64,
    /// Bytes announced by open uploads.
    pub reserved: u64,
    /// Maximum of both together, in bytes; `None` means the server's default.
    pub limit: Option<u64>,
}

/// The storage used by an account.
///
/// # Errors
/// See [`RecordsError`].
pub async fn usage(
    tx: &mut AnyConnection,
    member: &Member,
) -> Result<Usage, RecordsError> {
    let row = sqlx::query(
        "SELECT used_bytes, reserved_bytes, limit_bytes FROM quotas \
         WHERE organisation = $1 AND username = $2",
    )
    .bind(member.organisation.as_str())
    .bind(member.username.as_str())
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else {
        return Ok(Usage::default());
    };
    Ok(Usage {
        used: loaded(row.try_get("used_bytes")?),
        reserved: loaded(row.try_get("reserved_bytes")?),
        limit: row.try_get::<Option<i64>, _>("limit_bytes")?.map(loaded),
    })
}

/// A change of the charged amounts.
#[derive(Clone, Copy)]
struct Charge {
    used: i64,
    reserved: i64,
    files: i64,
}

impl Charge {
    const ZERO: Self = Self { used: 0, reserved: 0, files: 0 };
}

/// Locks the account's quota row until the transaction ends.
pub(crate) async fn lock(
    tx: &mut AnyConnection,
    member: &Member,
) -> Result<(), RecordsError> {
    sqlx::query(
        "INSERT INTO quotas (username, organisation) VALUES ($1, $2) \
         ON CONFLICT DO NOTHING",
    )
    .bind(member.username.as_str())
    .bind(member.organisation.as_str())
    .execute(&mut *tx)
    .await?;
    add(tx, member, Charge::ZERO).await
}

/// Charges a file. Returns `false` and changes nothing if it exceeds the quota.
pub(crate) async fn charge(
    tx: &mut AnyConnection,
    member: &Member,
    bytes: u64,
    allowed: Allowance,
) -> Result<bool, RecordsError> {
    let file = Charge { used: stored(bytes), reserved: 0, files: 1 };
    add_within_limit(tx, member, file, allowed).await
}

/// Reserves space for a file. Returns `false` and changes nothing if it exceeds the
/// quota.
pub(crate) async fn reserve(
    tx: &mut AnyConnection,
    member: &Member,
    bytes: u64,
    allowed: Allowance,
) -> Result<bool, RecordsError> {
    let announced = Charge { used: 0, reserved: stored(bytes), files: 1 };
    add_within_limit(tx, member, announced, allowed).await
}

/// Bytes that the account may still use. The account's quota row must be locked.
pub(crate) async fn free(
    tx: &mut AnyConnection,
    member: &Member,
    allowed: Allowance,
) -> Result<u64, RecordsError> {
    let Usage { used, reserved, limit } = usage(tx, member).await?;
    let limit = limit.unwrap_or(allowed.bytes);
    Ok(limit.saturating_sub(used).saturating_sub(reserved))
}

/// Raises the reservation of a file. The account's quota row must be locked, and have
/// this many bytes free.
pub(crate) async fn reserve_more(
    tx: &mut AnyConnection,
    member: &Member,
    bytes: u64,
) -> Result<(), RecordsError> {
    add(tx, member, Charge { used: 0, reserved: stored(bytes), files: 0 }).await
}

/// Turns a reservation into a file.
pub(crate) async fn settle(
    tx: &mut AnyConnection,
    member: &Member,
    bytes: u64,
) -> Result<(), RecordsError> {
    let bytes = stored(bytes);
    add(tx, member, Charge { used: bytes, reserved: -bytes, files: 0 }).await
}

/// Releases the reservation of `bytes` for `files` files.
pub(crate) async fn release(
    tx: &mut AnyConnection,
    member: &Member,
    bytes: u64,
    files: usize,
) -> Result<(), RecordsError> {
    let (reserved, files) = (-stored(bytes), -stored(files as u64));
    add(tx, member, Charge { used: 0, reserved, files }).await
}

/// Refunds a deleted file.
pub(crate) async fn refund(
    tx: &mut AnyConnection,
    member: &Member,
    bytes: u64,
) -> Result<(), RecordsError> {
    add(tx, member, Charge { used: -stored(bytes), reserved: 0, files: -1 }).await
}

/// The statement's condition checks the limit, so nothing can happen between check and
/// charge.
async fn add_within_limit(
    tx: &mut AnyConnection,
    member: &Member,
    more: Charge,
    allowed: Allowance,
) -> Result<bool, RecordsError> {
    let changed = sqlx::query(
        "UPDATE quotas SET used_bytes = used_bytes + $1, \
         reserved_bytes = reserved_bytes + $2, files = files + $3 \
         WHERE organisation = $4 AND username = $5 AND files + $3 <= $6 \
         AND used_bytes + reserved_bytes + $1 + $2 <= COALESCE(limit_bytes, $7)",
    )
    .bind(more.used)
    .bind(more.reserved)
    .bind(more.files)
    .bind(member.organisation.as_str())
    .bind(member.username.as_str())
    .bind(stored(allowed.files))
    .bind(stored(allowed.bytes))
    .execute(tx)
    .await?;
    Ok(changed.rows_affected() == 1)
}

async fn add(
    tx: &mut AnyConnection,
    member: &Member,
    more: Charge,
) -> Result<(), RecordsError> {
    let changed = sqlx::query(
        "UPDATE quotas SET used_bytes = used_bytes + $1, \
         reserved_bytes = reserved_bytes + $2, files = files + $3 \
         WHERE organisation = $4 AND username = $5",
    )
    .bind(more.used)
    .bind(more.reserved)
    .bind(more.files)
    .bind(member.organisation.as_str())
    .bind(member.username.as_str())
    .execute(tx)
    .await?;
    match changed.rows_affected() {
        1 => Ok(()),
        _ => Err(RecordsError::broken("an account has no quota row")),
    }
}

/// A size as stored in a table. None exceeds 2^63.
pub(crate) fn stored(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A size read from a table, where it is never negative.
pub(crate) fn loaded(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or_default()
}
