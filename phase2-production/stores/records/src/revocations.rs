//! Recent revocations, for replicas that poll for them.
//!
//! A cache may still hold a copy of a revoked session or token because the invalidation
//! was lost. So every replica polls for revocations since its last poll, with
//! `sessions::revoked_after` and `revoked::denied_after`.
//!
//! A revocation carries the database's clock, read inside its transaction, and becomes
//! visible at the commit. So one may appear with an earlier time than others that were
//! already read. Each poll goes back by [`MAX_VISIBILITY_DELAY_MS`] from the database's clock
//! and skips the known ones. No clock of a replica matters: one that is behind would write a
//! revocation that no poll finds.

use crate::error::RecordsError;
use crate::pool::MAX_TRANSACTION_DURATION;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::time::Duration;

/// Maximum difference between the clocks of a replica and of the database, in
/// milliseconds. Beyond it a replica is not ready. It limits the error wherever a replica
/// relies on a time that another replica wrote.
pub const MAX_CLOCK_SKEW_MS: i64 = 1_000;

/// Maximum difference between the clocks of two ready replicas, in milliseconds: one is
/// ahead of the database by the limit, the other behind.
pub const MAX_REPLICA_CLOCK_SKEW_MS: i64 = 2 * MAX_CLOCK_SKEW_MS;

/// Maximum delay between the time of a revocation and its visibility, in milliseconds:
/// the longest transaction, and twice the difference of two clocks, because a replica of an
/// older version writes its own clock, and a clock that goes wrong is detected with a delay.
pub const MAX_VISIBILITY_DELAY_MS: i64 = 6_000 + 2 * MAX_REPLICA_CLOCK_SKEW_MS;

const _: () = assert!(
    Duration::from_millis(
        (MAX_VISIBILITY_DELAY_MS - 2 * MAX_REPLICA_CLOCK_SKEW_MS).unsigned_abs()
    )
    .as_millis()
        >= MAX_TRANSACTION_DURATION.as_millis(),
    "a revocation may become visible after the last poll that covers its time"
);

/// Revocations in one batch. After a full batch, ask again from its last entry.
pub const BATCH_SIZE: usize = 10_000;

/// The revocation of something that a cache may hold a copy of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revocation {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The `session_id_hash` of a session, or the name of a denied token.
    pub name: String,
}

impl Revocation {
    /// The position from which a poll returns every revocation since `at`.
    #[must_use]
    pub const fn since(at: i64) -> Self {
        Self { at, name: String::new() }
    }
}

/// `query` takes the time and name of `end` and the maximum number of rows. It returns
/// `name` and `revoked_at`, oldest first.
pub(crate) async fn after(
    tx: &mut AnyConnection,
    query: &'static str,
    end: &Revocation,
) -> Result<Vec<Revocation>, RecordsError> {
    let limit = i64::try_from(BATCH_SIZE).unwrap_or(i64::MAX);
    let query = sqlx::query(query).bind(end.at).bind(end.name.as_str()).bind(limit);
    let rows = query.fetch_all(tx).await?;
    let end = |row: &AnyRow| {
        Ok(Revocation { at: row.try_get("revoked_at")?, name: row.try_get("name")? })
    };
    rows.iter().map(end).collect()
}
