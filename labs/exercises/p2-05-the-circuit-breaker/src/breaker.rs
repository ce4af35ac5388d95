//! A circuit breaker around calls to Redis. This is one of your two files. The README
//! describes its behaviour.

use redis::RedisResult;
use std::time::Duration;

/// Settings of the breaker.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // TODO: not all are used yet.
pub struct Limits {
    /// Maximum duration of one call.
    pub answer: Duration,
    /// Consecutive failures after which the breaker opens.
    pub failures: u64,
    /// Time that it stays open before a probe.
    pub rest: Duration,
}

/// The call has no result: a read value is unknown, and a write may or may not have
/// happened.
#[derive(Debug)]
pub struct Unknown {
    /// Time after which the client should retry.
    #[allow(dead_code)]
    pub retry_after: Duration,
}

/// The state of the breaker. All requests share it.
#[derive(Debug)]
pub struct Breaker {
    // TODO: closed, open or half-open; the number of failures; the end of the rest.
    limits: Limits,
}

impl Breaker {
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Makes a call if the breaker allows it, and waits for the result no longer than the
    /// limit. `work` does nothing until it is awaited. The returned future may be dropped
    /// at any `await`: that happens when a client disconnects.
    pub async fn call<T>(
        &self,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Unknown> {
        // TODO
        let retry_after = self.limits.rest;
        work.await.map_err(|_| Unknown { retry_after })
    }
}
