//! This replica's clock. All times in this server come from it, so that one flag can skew
//! the whole replica.

use records::Records;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use upload_domain::incoming;

/// Offset of this process's clock, in milliseconds.
static OFFSET_MS: AtomicI64 = AtomicI64::new(0);

/// Skews this process's clock until it exits.
pub(crate) fn set_offset(offset_ms: i64) {
    OFFSET_MS.store(offset_ms, Ordering::Relaxed);
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    incoming::now_ms().saturating_add_signed(OFFSET_MS.load(Ordering::Relaxed))
}

/// The same as the signed integer that the database uses.
pub(crate) fn now() -> i64 {
    i64::try_from(now_ms()).unwrap_or(i64::MAX)
}

/// Whether this clock agreed with the database's at the last comparison for a sweep.
static AGREED: AtomicBool = AtomicBool::new(false);

/// The result of the last comparison for a sweep; `false` before the first.
pub(crate) fn agreed() -> bool {
    AGREED.load(Ordering::Relaxed)
}

/// A time for a sweep: everything that expired before it may be removed. It comes from the
/// database's clock. `None` if the database does not answer, or if this replica's clock
/// differs from it: then the sweep is skipped, because a wrong clock would remove rows that
/// other replicas still need.
pub(crate) async fn sweep_time(records: &Records) -> Option<i64> {
    let time = records.sweep_time(now).await;
    AGREED.store(matches!(time, Ok(Some(_))), Ordering::Relaxed);
    match &time {
        Ok(Some(_)) => {}
        Ok(None) => {
            tracing::warn!("nothing is removed: the clock of this replica is wrong")
        }
        Err(error) => {
            tracing::warn!(%error, "nothing is removed: the database's clock is unknown")
        }
    }
    let time = time.ok().flatten();
    if time.is_none() {
        metrics::counter!("upload_server_sweeps_skipped_total").increment(1);
    }
    time
}
