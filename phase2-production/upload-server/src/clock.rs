//! The time, by this replica's clock. Whatever is born, expires or is signed here goes by
//! it, so that one flag can set the whole replica wrong and show what comes of that.

use std::sync::atomic::{AtomicI64, Ordering};
use upload_domain::incoming;

/// By how much this process's clock is wrong, in milliseconds.
static OFFSET_MS: AtomicI64 = AtomicI64::new(0);

/// Sets this process's clock wrong, for good.
pub(crate) fn is_off_by(offset_ms: i64) {
    OFFSET_MS.store(offset_ms, Ordering::Relaxed);
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    incoming::now_ms().saturating_add_signed(OFFSET_MS.load(Ordering::Relaxed))
}

/// The same, as the records count it.
pub(crate) fn now() -> i64 {
    i64::try_from(now_ms()).unwrap_or(i64::MAX)
}
