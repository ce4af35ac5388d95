//! Redis is paused, killed, flushed, filled up and made read-only.

use crate::support::{
    IDLE, Redis, copy, fill, generous_limits, is_live, kinds, miss, on_each,
};
use backing_services::Backing;
use cache::{BreakerState, Cache, CacheDown, Limits, Written};
use process::until;
use std::time::{Duration, Instant};

const LIFE: Duration = Duration::from_secs(3600);
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(15);

async fn wait_for_state(cache: &Cache, state: BreakerState) {
    let condition = format!("the breaker is {}", state.as_str());
    until(&condition, RECOVERY_TIMEOUT, async || cache.breaker_state() == state).await;
}

/// A replica without a heartbeat, so that the test makes every call.
fn quiet() -> Limits {
    Limits { heartbeat_interval: Duration::from_secs(3600), ..generous_limits() }
}

/// Many times the timeout of [`Limits::default`] and far less than a hundred of them: a
/// busy machine stays below.
const FAIL_FAST_TIMEOUT: Duration = Duration::from_secs(3);

#[tokio::test]
async fn paused_redis_opens_the_breaker_and_calls_fail_fast() {
    on_each(async |redis| {
        let heartbeat = Duration::from_secs(3600);
        let limits = Limits { heartbeat_interval: heartbeat, ..Limits::default() };
        let cache = redis.cache_with(limits).await;
        redis.service.pause().await.unwrap();
        for _ in 0..5 {
            let started = Instant::now();
            assert_eq!(cache.ping().await, Err(CacheDown::Timeout));
            assert!(started.elapsed() < FAIL_FAST_TIMEOUT, "{:?}", started.elapsed());
        }
        assert_eq!(cache.breaker_state(), BreakerState::Open);
        let started = Instant::now();
        for _ in 0..100 {
            let taken = cache.take_permit("b", 1, LIFE).await;
            assert_eq!(taken, Err(CacheDown::BreakerOpen));
        }
        assert!(started.elapsed() < FAIL_FAST_TIMEOUT, "{:?}", started.elapsed());
        redis.service.resume().await.unwrap();
        assert_eq!(
            cache.ping().await,
            Err(CacheDown::BreakerOpen),
            "it stays open for its duration"
        );
        until("a probe closes it", RECOVERY_TIMEOUT, async || cache.ping().await.is_ok())
            .await;
        assert_eq!(cache.breaker_state(), BreakerState::Closed);
    })
    .await;
}

#[tokio::test]
async fn heartbeat_opens_and_closes_the_breaker_without_traffic() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        redis.service.pause().await.unwrap();
        wait_for_state(&cache, BreakerState::Open).await;
        redis.service.resume().await.unwrap();
        wait_for_state(&cache, BreakerState::Closed).await;
    })
    .await;
}

#[tokio::test]
async fn one_of_fifty_calls_probes_a_paused_redis() {
    on_each(async |redis| {
        let rest = Duration::from_millis(300);
        let cache = redis.cache_with(Limits { open_duration: rest, ..quiet() }).await;
        redis.service.pause().await.unwrap();
        while cache.breaker_state() != BreakerState::Open {
            let _times_out = cache.ping().await;
        }
        tokio::time::sleep(rest).await;
        let calls = futures_util::future::join_all((0..50).map(|_| cache.ping())).await;
        let probes =
            calls.iter().filter(|call| **call == Err(CacheDown::Timeout)).count();
        let refused =
            calls.iter().filter(|call| **call == Err(CacheDown::BreakerOpen)).count();
        assert_eq!((probes, refused), (1, 49));
        redis.service.resume().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn killed_redis_is_used_again_after_its_restart() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        fill(&cache, "p").await;
        redis.service.kill9().await.unwrap();
        wait_for_state(&cache, BreakerState::Open).await;
        redis.service.restart().await.unwrap();
        let started = Instant::now();
        wait_for_state(&cache, BreakerState::Closed).await;
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        miss(&cache, "p").await;
        fill(&cache, "p").await;
        assert!(is_live(&cache, "p").await);
    })
    .await;
}

#[tokio::test]
async fn replica_ignores_copies_read_before_its_last_failure() {
    on_each(async |redis| {
        let (one, other) =
            (redis.cache_with(quiet()).await, redis.cache_with(quiet()).await);
        fill(&one, "p").await;
        let read_at = miss(&one, "q").await;
        redis.service.pause().await.unwrap();
        assert_eq!(one.ping().await, Err(CacheDown::Timeout));
        redis.service.resume().await.unwrap();
        assert!(is_live(&other, "p").await, "the other replica had no failure");
        until("one is answered", RECOVERY_TIMEOUT, async || one.ping().await.is_ok())
            .await;
        miss(&one, "p").await;
        let late = one.fill_session("q", &copy(1, read_at), IDLE).await;
        assert_eq!(late, Ok(cache::Filled::Outdated));
        fill(&one, "p").await;
        assert!(is_live(&one, "p").await);
    })
    .await;
}

#[tokio::test]
async fn failed_tombstone_is_written_after_redis_recovers() {
    on_each(async |redis| {
        let (one, other) = (redis.cache().await, redis.cache().await);
        fill(&one, "p").await;
        redis.service.pause().await.unwrap();
        wait_for_state(&one, BreakerState::Open).await;
        let started = Instant::now();
        let written = one.invalidate_sessions(&["p".to_owned()], LIFE).await;
        assert_eq!((written, one.pending_invalidations()), (Written::Queued, 1));
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        redis.service.resume().await.unwrap();
        until("it is written", RECOVERY_TIMEOUT, async || {
            one.pending_invalidations() == 0
        })
        .await;
        wait_for_state(&other, BreakerState::Closed).await;
        assert!(!is_live(&other, "p").await);
        assert_eq!(redis.command::<String>(&["GET", "d:session:p"]).await, "ended");
    })
    .await;
}

#[tokio::test]
async fn full_retry_queue_drops_the_oldest_entry() {
    on_each(async |redis| {
        let cache =
            redis.cache_with(Limits { max_pending: 3, ..generous_limits() }).await;
        redis.service.kill9().await.unwrap();
        for n in 0..5 {
            cache.deny(&n.to_string(), LIFE).await;
        }
        assert_eq!(cache.pending_invalidations(), 3);
        redis.service.restart().await.unwrap();
        until("they are written", RECOVERY_TIMEOUT, async || {
            cache.pending_invalidations() == 0
        })
        .await;
        let exist: Vec<i64> = vec![
            redis.command(&["EXISTS", "d:denied:1"]).await,
            redis.command(&["EXISTS", "d:denied:4"]).await,
        ];
        assert_eq!(exist, [0, 1]);
    })
    .await;
}

/// As after a failover, when the address leads to a read-only replica.
#[tokio::test]
async fn read_only_redis_counts_as_a_broken_connection() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let cache = redis.cache_with(quiet()).await;
    fill(&cache, "p").await;
    redis.command::<()>(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let lost = cache.take_permit("b", 9, LIFE).await;
    assert!(matches!(lost, Err(CacheDown::Lost(_))), "{lost:?}");
    redis.command::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    miss(&cache, "p").await;
    assert!(cache.take_permit("b", 9, LIFE).await.is_ok());
}

/// As when its disk is full or its append-only file failed: it reads and does not write.
async fn refuse_writes(redis: &Redis, refuse: bool) {
    let copies = if refuse { "1" } else { "0" };
    redis.command::<()>(&["CONFIG", "SET", "min-replicas-to-write", copies]).await;
}

#[tokio::test]
async fn copies_in_a_redis_that_refuses_writes_are_ignored() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let cache = redis.cache_with(quiet()).await;
    fill(&cache, "p").await;
    refuse_writes(&redis, true).await;
    let written = cache.invalidate_sessions(&["p".to_owned()], LIFE).await;
    assert_eq!((written, cache.pending_invalidations()), (Written::Queued, 1));
    assert_eq!(cache.deny("iss/1", LIFE).await, Written::Queued);
    let other = redis.cache_with(quiet()).await;
    for replica in [&cache, &other] {
        let peeked = replica.peek_session::<String>("p").await;
        assert!(matches!(peeked, Err(CacheDown::Lost(_))), "{peeked:?}");
        let denied = replica.is_denied("iss/1").await;
        assert!(matches!(denied, Err(CacheDown::Lost(_))), "{denied:?}");
    }
    refuse_writes(&redis, false).await;
    miss(&cache, "p").await;
}

#[tokio::test]
async fn heartbeat_detects_refused_writes_on_a_reading_replica() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let cache = redis.cache().await;
    fill(&cache, "p").await;
    assert!(is_live(&cache, "p").await);
    refuse_writes(&redis, true).await;
    until("its copy is ignored", RECOVERY_TIMEOUT, async || {
        !matches!(
            cache.use_session::<String>("p", IDLE).await,
            Ok(cache::Found::Live { .. })
        )
    })
    .await;
}

#[tokio::test]
async fn refused_tombstone_ends_the_trust_epoch() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let cache = redis.cache_with(quiet()).await;
    fill(&cache, "p").await;
    assert!(is_live(&cache, "p").await);
    redis.command::<()>(&["ACL", "SETUSER", "default", "-psetex"]).await;
    let ended = ["another".to_owned()];
    assert_eq!(cache.invalidate_sessions(&ended, LIFE).await, Written::Queued);
    miss(&cache, "p").await;
}

#[tokio::test]
async fn full_redis_still_answers_and_accepts_tombstones() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let cache = redis.cache().await;
    fill(&cache, "p").await;
    fill(&cache, "q").await;
    redis.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(is_live(&cache, "p").await, "reads work");
    let now = miss(&cache, "new").await;
    let filled = cache.fill_session("new", &copy(1, now), IDLE).await;
    assert_eq!(filled, Err(CacheDown::Full));
    let ended = ["q".to_owned(), "never cached".to_owned()];
    assert_eq!(cache.invalidate_sessions(&ended, LIFE).await, Written::Now);
    assert_eq!(redis.command::<String>(&["GET", "d:session:q"]).await, "ended");
    assert_eq!(cache.deny("iss/1", LIFE).await, Written::Now);
    assert_eq!(cache.is_denied("iss/1").await, Ok(cache::Denial::Denied));
    for _ in 0..10 {
        assert_eq!(cache.take_permit("b", 9, LIFE).await, Err(CacheDown::Full));
    }
    assert_eq!(cache.breaker_state(), BreakerState::Closed, "a full Redis is no outage");
}
