//! The trust epoch: since when this replica may use the copies that it finds in Redis.
//!
//! A logout writes to the database first and then a tombstone to Redis. If Redis does not
//! answer, the tombstone is missing for some time, and the copy of the dead session is still
//! there when Redis is back. A replica cannot tell which tombstones are missing. So after a
//! failed call it uses only copies that were read from the database *after* the next reply of
//! Redis: they include every earlier logout.
//!
//! All times are by Redis' clock, in microseconds, so that the replicas' clocks do not matter.
//! The heartbeat makes calls for a replica without traffic, which would not notice a failure.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct State {
    failures: u64,
    /// Start of the epoch; `None` from a failure to the next reply.
    since: Option<i64>,
}

/// Starts without an epoch: this replica saw no failure from before its start.
#[derive(Default)]
pub(crate) struct TrustEpoch(Mutex<State>);

/// The number of failures at the start of a call.
#[derive(Clone, Copy)]
pub(crate) struct CallStart(u64);

impl TrustEpoch {
    pub(crate) fn start_call(&self) -> CallStart {
        CallStart(self.lock().failures)
    }

    pub(crate) fn call_failed(&self) {
        let mut state = self.lock();
        state.failures += 1;
        state.since = None;
    }

    /// Redis replied at `now` of its own clock. A reply to a call from before another call's
    /// failure starts no epoch.
    pub(crate) fn call_succeeded(&self, start: CallStart, now: i64) {
        let mut state = self.lock();
        if state.failures == start.0 && state.since.is_none() {
            state.since = Some(now);
        }
    }

    /// The start of the epoch; `None` after a failure.
    pub(crate) fn since(&self) -> Option<i64> {
        self.lock().since
    }

    /// Whether a copy that was read from the database at `read_at` may be used.
    pub(crate) fn trusts(&self, read_at: i64) -> bool {
        self.since().is_some_and(|since| read_at >= since)
    }

    /// Each step holds the lock; a panic cannot leave a step half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_copy_is_trusted_before_the_first_reply() {
        let epoch = TrustEpoch::default();
        assert!(!epoch.trusts(i64::MAX));
        epoch.call_succeeded(epoch.start_call(), 100);
        assert!(epoch.trusts(100) && !epoch.trusts(99));
    }

    #[test]
    fn next_reply_after_a_failure_starts_a_new_epoch() {
        let epoch = TrustEpoch::default();
        epoch.call_succeeded(epoch.start_call(), 100);
        epoch.call_failed();
        assert!(!epoch.trusts(150));
        epoch.call_succeeded(epoch.start_call(), 200);
        assert!(epoch.trusts(200) && !epoch.trusts(150));
        epoch.call_succeeded(epoch.start_call(), 300);
        assert!(epoch.trusts(200), "a reply without a failure before it changes nothing");
    }

    #[test]
    fn reply_to_an_earlier_call_starts_no_epoch() {
        let epoch = TrustEpoch::default();
        let early = epoch.start_call();
        epoch.call_failed();
        epoch.call_succeeded(early, 100);
        assert!(!epoch.trusts(i64::MAX));
    }
}
