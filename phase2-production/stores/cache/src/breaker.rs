//! The circuit breaker: after consecutive failures it refuses calls for some time, then
//! allows one probe.
//!
//! A new implementation, because the two libraries considered (`recloser` 1.4, `failsafe`
//! 1.3) allow *every* call while half-open: after a pause of Redis a hundred requests
//! would wait for it at once instead of one. Neither reports its state.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The state of the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Redis answers; calls are allowed.
    Closed,
    /// One probe call is running.
    HalfOpen,
    /// Redis failed; calls are refused.
    Open,
}

impl BreakerState {
    /// `closed`, `half-open`, `open`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }

    fn report(self) {
        metrics::gauge!("upload_server_cache_circuit_breaker_state")
            .set(f64::from(self as u8));
    }
}

#[derive(Clone, Copy)]
enum State {
    Closed { failures: u32 },
    HalfOpen,
    Open { until: Instant },
}

impl State {
    const fn public(self) -> BreakerState {
        match self {
            Self::Closed { .. } => BreakerState::Closed,
            Self::HalfOpen => BreakerState::HalfOpen,
            Self::Open { .. } => BreakerState::Open,
        }
    }
}

pub(crate) struct Breaker {
    state: Mutex<State>,
    failure_threshold: u32,
    open_duration: Duration,
}

impl Breaker {
    pub(crate) fn new(failure_threshold: u32, open_duration: Duration) -> Self {
        BreakerState::Closed.report();
        Self {
            state: Mutex::new(State::Closed { failures: 0 }),
            failure_threshold,
            open_duration,
        }
    }

    pub(crate) fn state(&self) -> BreakerState {
        self.lock().public()
    }

    /// Permission for a call, or `None`. The first call after the open duration may
    /// probe; no other call is allowed until it is back.
    pub(crate) fn permit(&self) -> Option<Permit<'_>> {
        let mut state = self.lock();
        let probe = match *state {
            State::Closed { .. } => false,
            State::Open { until } if Instant::now() >= until => {
                change(&mut state, State::HalfOpen);
                true
            }
            State::Open { .. } | State::HalfOpen => return None,
        };
        Some(Permit { breaker: self, probe, used: false })
    }

    /// Each step holds the lock; a panic cannot leave a step half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn change(state: &mut State, to: State) {
    let (was, is) = (state.public(), to.public());
    *state = to;
    if was == is {
        return;
    }
    is.report();
    if is == BreakerState::Open {
        tracing::warn!(state = is.as_str(), "the cache breaker is open");
    } else {
        tracing::info!(state = is.as_str(), "the cache breaker changed");
    }
}

/// Permission for one call. The holder reports the call's outcome.
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
    used: bool,
}

impl Permit<'_> {
    pub(crate) fn succeeded(mut self) {
        self.used = true;
        let mut state = self.breaker.lock();
        // A reply to a call from before the breaker opened does not close it.
        if self.probe || matches!(*state, State::Closed { .. }) {
            change(&mut state, State::Closed { failures: 0 });
        }
    }

    /// Returns `true` if the connection should be replaced, because the breaker is now
    /// open.
    pub(crate) fn failed(mut self) -> bool {
        self.used = true;
        let mut state = self.breaker.lock();
        let failures = match *state {
            State::Closed { failures } => failures + 1,
            State::HalfOpen if self.probe => self.breaker.failure_threshold,
            State::HalfOpen | State::Open { .. } => return false,
        };
        let opens = failures >= self.breaker.failure_threshold;
        let until = Instant::now() + self.breaker.open_duration;
        let next = if opens { State::Open { until } } else { State::Closed { failures } };
        change(&mut state, next);
        opens
    }
}

impl Drop for Permit<'_> {
    /// The caller of a probe was dropped: the outcome is unknown, and the next call may
    /// probe at once.
    fn drop(&mut self) {
        if self.probe && !self.used {
            change(&mut self.breaker.lock(), State::Open { until: Instant::now() });
        }
    }
}

#[cfg(test)]
mod tests;
