//! How long to wait for Redis, and when to stop asking.

use std::time::Duration;

/// The patience of one replica.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a connection.
    pub connect: Duration,
    /// For an answer, connecting included.
    pub command: Duration,
    /// Calls that fail in a row before the breaker opens.
    pub failures: u32,
    /// How long the breaker stays open before one call may probe.
    pub rest: Duration,
    /// Between two looks at Redis when nobody asks anything: how soon a replica without
    /// traffic notices trouble, and how soon what must arrive is tried again.
    pub heartbeat: Duration,
    /// Words that wait until Redis is back; beyond it, the oldest is given up.
    pub pending: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(200),
            command: Duration::from_millis(100),
            failures: 5,
            rest: Duration::from_secs(2),
            heartbeat: Duration::from_millis(250),
            pending: 100_000,
        }
    }
}
