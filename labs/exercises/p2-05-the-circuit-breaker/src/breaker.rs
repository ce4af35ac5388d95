//! A circuit breaker around calls to Redis. This is one of your two files. The README says
//! what it has to do.

use redis::RedisResult;
use std::time::Duration;

/// How patient this replica is.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // TODO: nobody asks for all of them yet.
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
    #[allow(dead_code)]
    pub retry_after: Duration,
}

/// What this replica thinks of Redis. All requests share it.
#[derive(Debug)]
pub struct Breaker {
    // TODO: closed, open, half-open; how many calls have failed; until when it rests.
    limits: Limits,
}

impl Breaker {
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Makes a call, if it may be made now, and waits for its answer no longer than the
    /// limit. `work` does nothing until it is awaited. The future that this returns may be
    /// dropped at any `await`: that is what happens when a client goes away.
    pub async fn call<T>(
        &self,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Unknown> {
        // TODO
        let retry_after = self.limits.rest;
        work.await.map_err(|_| Unknown { retry_after })
    }
}
