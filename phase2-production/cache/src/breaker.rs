//! The circuit breaker: after failures in a row nobody asks for a while, then one does.
//!
//! Our own, because the two libraries that were looked at (`recloser` 1.4, `failsafe` 1.3)
//! let *every* caller through while half-open: after a pause of Redis, a hundred requests
//! would wait for it at once instead of one. Neither can say which state it is in.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What the breaker thinks of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It answers; everybody may ask.
    Closed,
    /// One call is finding out whether it answers again.
    HalfOpen,
    /// It failed; nobody asks.
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
    const fn seen(self) -> BreakerState {
        match self {
            Self::Closed { .. } => BreakerState::Closed,
            Self::HalfOpen => BreakerState::HalfOpen,
            Self::Open { .. } => BreakerState::Open,
        }
    }
}

pub(crate) struct Breaker {
    state: Mutex<State>,
    failures: u32,
    rest: Duration,
}

impl Breaker {
    pub(crate) fn new(failures: u32, rest: Duration) -> Self {
        BreakerState::Closed.report();
        Self { state: Mutex::new(State::Closed { failures: 0 }), failures, rest }
    }

    pub(crate) fn state(&self) -> BreakerState {
        self.lock().seen()
    }

    /// Leave to ask, or none. The first to come after the rest gets leave to probe, and
    /// nobody else does until it is back.
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

    /// One step under the lock each; a panic cannot leave half of one behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn change(state: &mut State, to: State) {
    let (was, is) = (state.seen(), to.seen());
    *state = to;
    if was == is {
        return;
    }
    is.report();
    if is == BreakerState::Open {
        tracing::warn!(state = is.as_str(), "the cache is left alone for a while");
    } else {
        tracing::info!(state = is.as_str(), "the cache breaker changed");
    }
}

/// Leave for one call. Whoever holds it says how the call went.
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    probe: bool,
    used: bool,
}

impl Permit<'_> {
    pub(crate) fn succeeded(mut self) {
        self.used = true;
        let mut state = self.breaker.lock();
        // An answer to a call from before the breaker opened closes nothing.
        if self.probe || matches!(*state, State::Closed { .. }) {
            change(&mut state, State::Closed { failures: 0 });
        }
    }

    /// True if the connection should not be used again, because the breaker is now open.
    pub(crate) fn failed(mut self) -> bool {
        self.used = true;
        let mut state = self.breaker.lock();
        let failures = match *state {
            State::Closed { failures } => failures + 1,
            State::HalfOpen if self.probe => self.breaker.failures,
            State::HalfOpen | State::Open { .. } => return false,
        };
        let opens = failures >= self.breaker.failures;
        let until = Instant::now() + self.breaker.rest;
        let next = if opens { State::Open { until } } else { State::Closed { failures } };
        change(&mut state, next);
        opens
    }
}

impl Drop for Permit<'_> {
    /// A probe whose caller went away says nothing: the next call may probe at once.
    fn drop(&mut self) {
        if self.probe && !self.used {
            change(&mut self.breaker.lock(), State::Open { until: Instant::now() });
        }
    }
}

#[cfg(test)]
mod tests;
