//! Timeouts of calls to Redis, and settings of the breaker and the retry queue.

use std::time::Duration;

/// The settings of one replica.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Timeout of connecting.
    pub connect_timeout: Duration,
    /// Timeout of a call, connecting included.
    pub call_timeout: Duration,
    /// Consecutive failures that open the breaker.
    pub failure_threshold: u32,
    /// How long the breaker stays open before one call may probe.
    pub open_duration: Duration,
    /// Interval of the heartbeat: how soon a replica without traffic detects an outage,
    /// and how often the retry queue is sent.
    pub heartbeat_interval: Duration,
    /// Maximum length of the retry queue; beyond it the oldest entry is dropped.
    pub max_pending: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_millis(200),
            call_timeout: Duration::from_millis(100),
            failure_threshold: 5,
            open_duration: Duration::from_secs(2),
            heartbeat_interval: Duration::from_millis(250),
            max_pending: 100_000,
        }
    }
}
