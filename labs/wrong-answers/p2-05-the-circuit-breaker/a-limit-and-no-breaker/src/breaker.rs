//! A limit around calls to Redis.

use redis::RedisResult;
use std::time::Duration;

/// How patient this replica is.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)]
pub struct Limits {
    /// The longest that one call may take.
    pub answer: Duration,
    /// Calls that fail in a row before the breaker opens.
    pub failures: u64,
    /// How long it is open before one call may find out whether Redis is back.
    pub rest: Duration,
}

/// No answer: what was asked is not known, and what was to be written may be written or not.
#[derive(Debug)]
pub struct Unknown {
    /// When it is worth trying again.
    pub retry_after: Duration,
}

/// What this replica thinks of Redis. All requests share it.
#[derive(Debug)]
pub struct Breaker {
    limits: Limits,
}

impl Breaker {
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Makes a call, and waits for its answer no longer than the
    /// limit. `work` does nothing until it is awaited. The future that this returns may be
    /// dropped at any `await`: that is what happens when a client goes away.
    pub async fn call<T>(
        &self,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Unknown> {
        let answer = tokio::time::timeout(self.limits.answer, work).await;
        let unknown = Unknown { retry_after: self.limits.rest };
        answer.ok().and_then(Result::ok).ok_or(unknown)
    }
}
