//! The database's clock, which all replicas share.
//!
//! A clock of one process may be wrong by days. So no process decides by its own clock that
//! something has expired for all of them and may be removed.

use crate::backend;
use crate::error::RecordsError;
use crate::revocations::{MAX_CLOCK_SKEW_MS, MAX_REPLICA_CLOCK_SKEW_MS};
use sqlx::AnyConnection;

/// How long something stays after its end by the database's clock, in milliseconds. A
/// replica that is behind still accepts it, and its end was computed by a replica that may
/// be behind, too.
pub(crate) const SWEEP_MARGIN_MS: i64 = 2 * MAX_REPLICA_CLOCK_SKEW_MS;

/// Milliseconds since 1970 by the database's clock; for SQLite by the clock of the machine.
///
/// # Errors
/// When the database fails.
pub async fn now(tx: &mut AnyConnection) -> Result<i64, RecordsError> {
    let clock = if backend::is_postgres(tx) {
        "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
    } else {
        "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
    Ok(sqlx::query_scalar(clock).fetch_one(tx).await?)
}

/// Whether a process's clock agrees with the database's, which was read between two reads
/// of the former, `before` and `after`: the offset cannot exceed [`MAX_CLOCK_SKEW_MS`].
#[must_use]
pub const fn agree(before: i64, database: i64, after: i64) -> bool {
    database.saturating_sub(before) <= MAX_CLOCK_SKEW_MS
        && after.saturating_sub(database) <= MAX_CLOCK_SKEW_MS
}
