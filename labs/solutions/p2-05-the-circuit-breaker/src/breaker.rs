//! A circuit breaker around calls to Redis: after consecutive failures it stops calling
//! for a while, and then sends one probe.

use redis::RedisResult;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Settings of the breaker.
#[derive(Clone, Copy, Debug)]
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
    pub retry_after: Duration,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// All calls are made.
    Closed { failures: u64 },
    /// No call is made until then.
    Open { until: Instant },
    /// One probe is in progress; no other call is made.
    HalfOpen,
}

/// The state of the breaker. All requests share it.
#[derive(Debug)]
pub struct Breaker {
    state: Mutex<State>,
    limits: Limits,
}

impl Breaker {
    pub fn new(limits: Limits) -> Self {
        Self { state: Mutex::new(State::Closed { failures: 0 }), limits }
    }

    /// Makes a call if the breaker allows it, and waits for the result no longer than the
    /// limit. `work` does nothing until it is awaited. The returned future may be dropped
    /// at any `await`: that happens when a client disconnects.
    pub async fn call<T>(
        &self,
        work: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Unknown> {
        let permit = self.permit()?;
        match tokio::time::timeout(self.limits.answer, work).await {
            Ok(Ok(answer)) => {
                permit.succeeded();
                Ok(answer)
            }
            Ok(Err(_)) | Err(_) => {
                permit.failed();
                Err(Unknown { retry_after: self.limits.rest })
            }
        }
    }

    /// Permission for one call. The first call after the rest is the probe.
    fn permit(&self) -> Result<Permit<'_>, Unknown> {
        let mut state = self.lock();
        let probe = match *state {
            State::Closed { .. } => false,
            State::Open { until } => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Err(Unknown { retry_after: left });
                }
                *state = State::HalfOpen;
                true
            }
            State::HalfOpen => return Err(Unknown { retry_after: self.limits.answer }),
        };
        Ok(Permit { breaker: self, probe, recorded: false })
    }

    /// Each access is one step under the lock, never across an `await`.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Permission for one call. Its holder records the result or drops it.
struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
    recorded: bool,
}

impl Permit<'_> {
    fn succeeded(mut self) {
        self.recorded = true;
        let mut state = self.breaker.lock();
        // The result of a call from before the breaker opened does not close it.
        if self.probe || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failures: 0 };
        }
    }

    fn failed(mut self) {
        self.recorded = true;
        let Limits { failures: limit, rest, .. } = self.breaker.limits;
        let mut state = self.breaker.lock();
        let failures = match *state {
            State::Closed { failures } => failures + 1,
            State::HalfOpen if self.probe => limit,
            // A call from before the breaker opened.
            State::HalfOpen | State::Open { .. } => return,
        };
        *state = match failures >= limit {
            true => State::Open { until: Instant::now() + rest },
            false => State::Closed { failures },
        };
    }
}

impl Drop for Permit<'_> {
    /// A dropped probe has no result: the next call may probe.
    fn drop(&mut self) {
        if self.probe && !self.recorded {
            *self.breaker.lock() = State::Open { until: Instant::now() };
        }
    }
}
