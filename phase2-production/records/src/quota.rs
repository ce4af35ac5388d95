//! How much one person's files may fill: exact, however many replicas ask at once.
//!
//! Whatever changes the sum takes the row's lock first, and so does whatever makes, ends
//! or finishes something that is charged. One person's commits happen one after the
//! other; that is what makes an idempotency key happen once, too.

use crate::error::RecordsError;
use crate::ids::Member;
use sqlx::{AnyConnection, Row};

/// What the server allows everybody who has no limit of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes of files, and of uploads under way.
    pub bytes: u64,
    /// Files and uploads under way: an empty one takes a row, too, and a name on a disk.
    pub files: u64,
}

/// What somebody's files fill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of files.
    pub used: u64,
    /// Bytes that uploads under way have announced.
    pub reserved: u64,
    /// Bytes that both together may be; `None` is what the server allows everybody.
    pub limit: Option<u64>,
}

/// What somebody's files fill.
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

/// A change of what is charged.
#[derive(Clone, Copy)]
struct Charge {
    used: i64,
    reserved: i64,
    files: i64,
}

impl Charge {
    const NOTHING: Self = Self { used: 0, reserved: 0, files: 0 };
}

/// Waits for this person's turn; it lasts until the transaction ends.
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
    add(tx, member, Charge::NOTHING).await
}

/// Charges a file; `false` and nothing done when it does not fit.
pub(crate) async fn take(
    tx: &mut AnyConnection,
    member: &Member,
    bytes: u64,
    allowed: Allowance,
) -> Result<bool, RecordsError> {
    let file = Charge { used: stored(bytes), reserved: 0, files: 1 };
    add_if_it_fits(tx, member, file, allowed).await
}

/// Sets room for a file aside; `false` and nothing done when there is none.
pub(crate) async fn reserve(
    tx: &mut AnyConnection,
    member: &Member,
    bytes: u64,
    allowed: Allowance,
) -> Result<bool, RecordsError> {
    let announced = Charge { used: 0, reserved: stored(bytes), files: 1 };
    add_if_it_fits(tx, member, announced, allowed).await
}

/// What was set aside is a file now.
pub(crate) async fn settle(
    tx: &mut AnyConnection,
    member: &Member,
    bytes: u64,
) -> Result<(), RecordsError> {
    let bytes = stored(bytes);
    add(tx, member, Charge { used: bytes, reserved: -bytes, files: 0 }).await
}

/// What was set aside for so many files is not needed.
pub(crate) async fn release(
    tx: &mut AnyConnection,
    member: &Member,
    bytes: u64,
    files: usize,
) -> Result<(), RecordsError> {
    let (reserved, files) = (-stored(bytes), -stored(files as u64));
    add(tx, member, Charge { used: 0, reserved, files }).await
}

/// A file is gone.
pub(crate) async fn give_back(
    tx: &mut AnyConnection,
    member: &Member,
    bytes: u64,
) -> Result<(), RecordsError> {
    add(tx, member, Charge { used: -stored(bytes), reserved: 0, files: -1 }).await
}

/// The limit is in the condition: there is no moment between asking and charging.
async fn add_if_it_fits(
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
        _ => Err(RecordsError::broken("somebody has no quota row")),
    }
}

/// A size as the tables hold it. None of ours is beyond 2^63.
pub(crate) fn stored(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A size from a table, which takes none below zero.
pub(crate) fn loaded(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or_default()
}
