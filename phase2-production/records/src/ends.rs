//! What has ended lately, in the order in which a replica hears of it.
//!
//! A copy of something that ended may lie in a cache that was not told. So those who keep
//! copies ask, every moment, what ended since they asked last: `sessions::ended_after` and
//! `revoked::denied_after`.
//!
//! An end carries the clock of whoever wrote it, read inside the transaction that wrote it.
//! It can be seen when that has committed, so an end may appear behind one that was seen
//! before. Whoever asks goes back by [`LATEST_MS`] each time and skips what is known.

use crate::error::RecordsError;
use crate::pool::LONGEST_TRANSACTION;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::time::Duration;

/// Milliseconds by which a replica's clock may differ from the records'. Who is further off
/// is not ready. How wrong two replicas can be about each other follows from it, wherever
/// one believes a time that another one wrote.
pub const CLOCK_LIMIT_MS: i64 = 1_000;

/// Milliseconds by which the clocks of two replicas that are ready may differ: one is ahead
/// of the records' by the limit, the other behind.
pub const CLOCKS_DIFFER_MS: i64 = 2 * CLOCK_LIMIT_MS;

/// How long after its own time an end may still appear, in milliseconds: the longest
/// transaction, and twice what two clocks may differ by, because one that goes wrong is
/// noticed a moment later.
pub const LATEST_MS: i64 = 6_000 + 2 * CLOCKS_DIFFER_MS;

const _: () = assert!(
    Duration::from_millis((LATEST_MS - 2 * CLOCKS_DIFFER_MS).unsigned_abs()).as_millis()
        >= LONGEST_TRANSACTION.as_millis(),
    "an end may appear when nobody looks for it any more"
);

/// Ends in one answer. Where there are so many, ask again after the last of them.
pub const AT_ONCE: usize = 10_000;

/// The end of something that others may hold a copy of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct End {
    /// When.
    pub at: i64,
    /// What: the proof of a session, or the name of what was denied.
    pub name: String,
}

impl End {
    /// What to ask after, to hear of everything since `at`.
    #[must_use]
    pub const fn before(at: i64) -> Self {
        Self { at, name: String::new() }
    }
}

/// `query` takes the time and the name of `end`, and the most rows to return; it returns
/// `name` and `revoked_at`, oldest first.
pub(crate) async fn after(
    tx: &mut AnyConnection,
    query: &'static str,
    end: &End,
) -> Result<Vec<End>, RecordsError> {
    let most = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
    let query = sqlx::query(query).bind(end.at).bind(end.name.as_str()).bind(most);
    let rows = query.fetch_all(tx).await?;
    let end = |row: &AnyRow| {
        Ok(End { at: row.try_get("revoked_at")?, name: row.try_get("name")? })
    };
    rows.iter().map(end).collect()
}
