//! The trust epoch: since when this replica may use the copies that it finds in Redis.
//!
//! A logout writes to the database first and then a tombstone to Redis. If Redis does not
//! answer, or is another one that lacks the tombstone, a copy of the dead session may be there.
//! A replica cannot tell which tombstones are missing. So after each reason for distrust it
//! uses only copies that were read from the database *after* the next heartbeat: they include
//! every earlier logout. The reasons are a failed call, another [identity](crate::identity),
//! a policy that may evict keys, an eviction, and a clock that jumped.
//!
//! A copy names the Redis whose clock timed its read, because the clocks of two servers may
//! differ by more than the age of the copy. Only the heartbeat begins an epoch: no other reply
//! contains the identity. So a failover that breaks no connection is noticed after one
//! heartbeat interval.

use crate::identity::{RedisId, RedisTime};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A larger difference between Redis' clock and the monotonic clock, from one heartbeat to the
/// next, is a jump. Below it are slow replies.
const MAX_CLOCK_JUMP: Duration = Duration::from_secs(2);

/// The facts in a heartbeat's reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beat {
    pub(crate) redis: RedisId,
    /// Microseconds since 1970 by Redis' clock.
    pub(crate) now: i64,
    /// Keys that it has evicted since its start.
    pub(crate) evicted: i64,
    pub(crate) may_evict: bool,
}

#[derive(Clone, Copy)]
struct Epoch {
    redis: RedisId,
    since: i64,
    began: Instant,
}

#[derive(Default)]
struct State {
    distrusts: u64,
    /// `None` from a reason for distrust to the next heartbeat.
    epoch: Option<Epoch>,
    /// The last heartbeat, and when its reply arrived.
    last: Option<(Beat, Instant)>,
}

/// Starts without an epoch: this replica saw no failure from before its start.
#[derive(Default)]
pub(crate) struct TrustEpoch(Mutex<State>);

/// The number of reasons for distrust at the start of a call.
#[derive(Clone, Copy)]
pub(crate) struct CallStart(u64);

/// One epoch of one replica, in which Redis kept its data. Only for comparison with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataEpoch {
    distrusts: u64,
    kept_since: i64,
}

impl TrustEpoch {
    pub(crate) fn start_call(&self) -> CallStart {
        CallStart(self.lock().distrusts)
    }

    pub(crate) fn call_failed(&self) {
        self.lock().distrust();
    }

    /// A heartbeat was answered. A reply to a heartbeat from before another call's failure
    /// begins no epoch.
    pub(crate) fn heartbeat_received(&self, start: CallStart, beat: Beat) {
        let mut state = self.lock();
        if state.distrusts != start.0 {
            return;
        }
        let arrived = Instant::now();
        let last = state.last.replace((beat, arrived));
        let same = last.filter(|(last, _)| last.redis == beat.redis);
        if let Some(reason) = reason(last, &beat, arrived) {
            if state.epoch.is_some() {
                metrics::counter!("upload_server_cache_distrusts_total").increment(1);
                tracing::warn!(reason, redis = %beat.redis, "distrusts older entries");
            }
            state.distrust();
        }
        if !beat.may_evict && state.epoch.is_none() {
            // A clock that was set back must pass the copies that it timed before.
            let since = same.map_or(beat.now, |(last, _)| last.now.max(beat.now));
            state.epoch = Some(Epoch { redis: beat.redis, since, began: arrived });
        }
    }

    /// The time `now` of a reply to this call. Without an epoch, or after a reason for distrust
    /// during the call, it is the time of an unknown Redis.
    pub(crate) fn time(&self, start: CallStart, now: i64) -> RedisTime {
        let state = self.lock();
        let epoch = state.epoch.filter(|_| state.distrusts == start.0);
        let redis = epoch.map_or(RedisId::UNKNOWN, |epoch| epoch.redis);
        RedisTime { micros: now, redis }
    }

    /// Whether a copy that was read from the database at `read_at` may be used.
    pub(crate) fn trusts(&self, read_at: RedisTime) -> bool {
        self.lock().epoch.is_some_and(|epoch| {
            read_at.redis == epoch.redis && read_at.micros >= epoch.since
        })
    }

    /// Whether the Redis that answered last timed a copy. Such a copy may be outdated, but its
    /// remaining time is evidence of a use.
    pub(crate) fn has_timed(&self, read_at: RedisTime) -> bool {
        self.lock().last.is_some_and(|(last, _)| last.redis == read_at.redis)
    }

    /// For how long this Redis has received every invalidation, as far as this replica knows:
    /// it has kept its data since `kept_since`, at `now` by its clock.
    pub(crate) fn coverage(
        &self,
        start: CallStart,
        now: i64,
        kept_since: i64,
    ) -> Option<(Duration, DataEpoch)> {
        let state = self.lock();
        let epoch = state.epoch.filter(|_| state.distrusts == start.0)?;
        let kept = u64::try_from(now.saturating_sub(kept_since)).unwrap_or(0);
        let covered = epoch.began.elapsed().min(Duration::from_micros(kept));
        Some((covered, DataEpoch { distrusts: state.distrusts, kept_since }))
    }

    /// Each step holds the lock; a panic cannot leave a step half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn distrust(&mut self) {
        self.distrusts += 1;
        self.epoch = None;
    }
}

/// The reason for distrust in a heartbeat's reply.
fn reason(
    last: Option<(Beat, Instant)>,
    beat: &Beat,
    arrived: Instant,
) -> Option<&'static str> {
    if beat.may_evict {
        return Some("policy");
    }
    let (last, at) = last?;
    if last.redis != beat.redis {
        return Some("identity");
    }
    if last.evicted != beat.evicted || last.may_evict {
        return Some("eviction");
    }
    let passed =
        i64::try_from(arrived.duration_since(at).as_micros()).unwrap_or(i64::MAX);
    let jump = (beat.now - last.now).abs_diff(passed);
    (u128::from(jump) > MAX_CLOCK_JUMP.as_micros()).then_some("clock")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis(run_id: &str) -> RedisId {
        RedisId::new(run_id, "")
    }

    fn beat(run_id: &str, now: i64) -> Beat {
        Beat { redis: redis(run_id), now, evicted: 0, may_evict: false }
    }

    fn at(run_id: &str, micros: i64) -> RedisTime {
        RedisTime { micros, redis: redis(run_id) }
    }

    fn receive(epoch: &TrustEpoch, beat: Beat) {
        epoch.heartbeat_received(epoch.start_call(), beat);
    }

    #[test]
    fn no_copy_is_trusted_before_the_first_heartbeat() {
        let epoch = TrustEpoch::default();
        assert!(!epoch.trusts(at("a", i64::MAX)));
        receive(&epoch, beat("a", 100));
        assert!(epoch.trusts(at("a", 100)) && !epoch.trusts(at("a", 99)));
    }

    #[test]
    fn heartbeat_after_a_failure_begins_a_new_epoch() {
        let epoch = TrustEpoch::default();
        receive(&epoch, beat("a", 100));
        epoch.call_failed();
        assert!(!epoch.trusts(at("a", 150)));
        receive(&epoch, beat("a", 200));
        assert!(epoch.trusts(at("a", 200)) && !epoch.trusts(at("a", 150)));
        receive(&epoch, beat("a", 300));
        assert!(epoch.trusts(at("a", 200)), "nothing happened in between");
    }

    #[test]
    fn reply_to_an_earlier_heartbeat_begins_no_epoch() {
        let epoch = TrustEpoch::default();
        let early = epoch.start_call();
        epoch.call_failed();
        epoch.heartbeat_received(early, beat("a", 100));
        assert!(!epoch.trusts(at("a", i64::MAX)));
    }

    #[test]
    fn copies_of_another_redis_are_never_trusted() {
        let epoch = TrustEpoch::default();
        receive(&epoch, beat("a", 100));
        let early = epoch.start_call();
        receive(&epoch, beat("b", 50));
        assert!(epoch.trusts(at("b", 50)) && !epoch.trusts(at("b", 49)));
        assert!(!epoch.trusts(at("a", i64::MAX)));
        assert!(!epoch.trusts(epoch.time(early, 200)), "asked before the change");
        assert!(epoch.trusts(epoch.time(epoch.start_call(), 200)));
    }

    #[test]
    fn failed_call_leaves_the_evidence_of_a_use() {
        let epoch = TrustEpoch::default();
        assert!(!epoch.has_timed(at("a", 100)));
        receive(&epoch, beat("a", 100));
        epoch.call_failed();
        assert!(epoch.has_timed(at("a", 100)) && !epoch.trusts(at("a", 100)));
        receive(&epoch, beat("b", 100));
        assert!(!epoch.has_timed(at("a", 100)));
    }

    #[test]
    fn evicting_redis_is_not_trusted() {
        let epoch = TrustEpoch::default();
        receive(&epoch, beat("a", 100));
        receive(&epoch, Beat { may_evict: true, ..beat("a", 200) });
        assert!(!epoch.trusts(at("a", 300)));
        receive(&epoch, beat("a", 400));
        assert!(epoch.trusts(at("a", 400)) && !epoch.trusts(at("a", 399)));
        receive(&epoch, Beat { evicted: 1, ..beat("a", 500) });
        assert!(epoch.trusts(at("a", 500)) && !epoch.trusts(at("a", 499)));
    }

    #[test]
    fn clock_that_was_set_back_must_pass_its_earlier_times() {
        let (epoch, second) = (TrustEpoch::default(), 1_000_000);
        receive(&epoch, beat("a", 90 * second));
        receive(&epoch, beat("a", 30 * second));
        assert!(!epoch.trusts(at("a", 89 * second)));
        assert!(epoch.trusts(at("a", 91 * second)));
    }

    #[test]
    fn coverage_begins_with_the_epoch_and_with_the_data() {
        let epoch = TrustEpoch::default();
        assert!(epoch.coverage(epoch.start_call(), 100, 0).is_none());
        receive(&epoch, beat("a", 100));
        let (covered, one) = epoch.coverage(epoch.start_call(), 100, 99).unwrap();
        assert!(covered <= Duration::from_micros(1));
        let (_, flushed) = epoch.coverage(epoch.start_call(), 200, 150).unwrap();
        assert_ne!(one, flushed);
    }
}
