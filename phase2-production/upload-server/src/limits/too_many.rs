//! The refusal of a limit.

use std::time::Duration;

/// The limit is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limit exceeded; retry in {retry_after_s} s")]
pub(crate) struct TooMany {
    /// Value of `Retry-After`: seconds until the window ends, rounded up.
    pub(crate) retry_after_s: u32,
}

impl TooMany {
    pub(super) fn until(wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        Self { retry_after_s: u32::try_from(seconds).unwrap_or(u32::MAX) }
    }
}
