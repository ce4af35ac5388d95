//! A circuit breaker around calls to Redis: after failures in a row nobody asks for a while,
//! then one does.

use redis::RedisResult;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How patient this replica is.
#[derive(Clone, Copy, Debug)]
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

#[derive(Clone, Copy, Debug)]
enum State {
    /// Everybody asks.
    Closed { failures: u64 },
    /// Nobody asks until then.
    Open { until: Instant },
    /// One call is finding out; nobody else asks.
    HalfOpen,
}

/// What this replica thinks of Redis. All requests share it.
#[derive(Debug)]
pub struct Breaker {
    state: Mutex<State>,
    limits: Limits,
}

impl Breaker {
    pub fn new(limits: Limits) -> Self {
        Self { state: Mutex::new(State::Closed { failures: 0 }), limits }
    }

    /// Makes a call, if it may be made now, and waits for its answer no longer than the
    /// limit. `work` does nothing until it is awaited. The future that this returns may be
    /// dropped at any `await`: that is what happens when a client goes away.
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

    /// Leave to make one call. The first to come after the rest is the probe.
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
        Ok(Permit { breaker: self, probe, told: false })
    }

    /// One step under the lock each, and never across an `await`.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave for one call. Whoever has it says how the call went, or goes away.
struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
    told: bool,
}

impl Permit<'_> {
    fn succeeded(mut self) {
        self.told = true;
        let mut state = self.breaker.lock();
        // An answer to a call from before the breaker opened closes nothing.
        if self.probe {
            *state = State::Closed { failures: 0 };
        }
    }

    fn failed(mut self) {
        self.told = true;
        let Limits { failures: limit, rest, .. } = self.breaker.limits;
        let mut state = self.breaker.lock();
        let failures = match *state {
            State::Closed { failures } => failures + 1,
            State::HalfOpen if self.probe => limit,
            // From before it opened: it rests already.
            State::HalfOpen | State::Open { .. } => return,
        };
        *state = match failures >= limit {
            true => State::Open { until: Instant::now() + rest },
            false => State::Closed { failures },
        };
    }
}

impl Drop for Permit<'_> {
    /// A probe whose caller went away has found out nothing: the next call may.
    fn drop(&mut self) {
        if self.probe && !self.told {
            *self.breaker.lock() = State::Open { until: Instant::now() };
        }
    }
}
