//! The time, as the records count it.

use upload_domain::incoming::now_ms;

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    i64::try_from(now_ms()).unwrap_or(i64::MAX)
}
