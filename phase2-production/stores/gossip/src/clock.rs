//! The clock of this process.

use crate::config::milliseconds;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970. A clock before 1970 counts as 1970.
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    milliseconds(since_1970())
}
