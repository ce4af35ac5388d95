//! This replica's clock. All times in this server come from it, so that one flag can skew
//! the whole replica.

use std::sync::atomic::{AtomicI64, Ordering};
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
