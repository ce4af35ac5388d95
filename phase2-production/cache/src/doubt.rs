//! Since when this replica may believe what it finds in Redis.
//!
//! A logout writes the truth first and then a tombstone into Redis. When Redis does not
//! answer, the tombstone is missing for a while, and the copy of the session that died is
//! still there when Redis comes back. No replica can know whose tombstone is missing. So
//! after any call that failed, a replica believes only copies that were read from the truth
//! *after* Redis answered it again: every logout until then is in that truth.
//!
//! All times are of Redis' clock, in microseconds, so that the replicas' clocks do not
//! matter. A replica that asks nothing would not notice; the heartbeat asks for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct State {
    failures: u64,
    /// `None` from a failure to the next answer.
    sure_since: Option<i64>,
}

/// Starts with doubt: what happened before this replica was there, it did not see.
#[derive(Default)]
pub(crate) struct Doubt(Mutex<State>);

/// How many failures had been seen when a call began.
#[derive(Clone, Copy)]
pub(crate) struct Begun(u64);

impl Doubt {
    pub(crate) fn begin(&self) -> Begun {
        Begun(self.lock().failures)
    }

    pub(crate) fn failed(&self) {
        let mut state = self.lock();
        state.failures += 1;
        state.sure_since = None;
    }

    /// Redis answered at `now` of its own clock. An answer that was on its way when another
    /// call failed proves nothing of the time since.
    pub(crate) fn answered(&self, begun: Begun, now: i64) {
        let mut state = self.lock();
        if state.failures == begun.0 && state.sure_since.is_none() {
            state.sure_since = Some(now);
        }
    }

    /// Since when everything is believed; `None` while in doubt.
    pub(crate) fn sure_since(&self) -> Option<i64> {
        self.lock().sure_since
    }

    pub(crate) fn believes(&self, read_at: i64) -> bool {
        self.sure_since().is_some_and(|since| read_at >= since)
    }

    /// One step under the lock each; a panic cannot leave half of one behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_believed_until_redis_has_answered_once() {
        let doubt = Doubt::default();
        assert!(!doubt.believes(i64::MAX));
        doubt.answered(doubt.begin(), 100);
        assert!(doubt.believes(100) && !doubt.believes(99));
    }

    #[test]
    fn after_a_failure_only_what_was_read_after_the_next_answer_is_believed() {
        let doubt = Doubt::default();
        doubt.answered(doubt.begin(), 100);
        doubt.failed();
        assert!(!doubt.believes(150));
        doubt.answered(doubt.begin(), 200);
        assert!(doubt.believes(200) && !doubt.believes(150));
        doubt.answered(doubt.begin(), 300);
        assert!(
            doubt.believes(200),
            "an answer without a failure before it changes nothing"
        );
    }

    #[test]
    fn an_answer_that_was_on_its_way_when_another_call_failed_proves_nothing() {
        let doubt = Doubt::default();
        let early = doubt.begin();
        doubt.failed();
        doubt.answered(early, 100);
        assert!(!doubt.believes(i64::MAX));
    }
}
