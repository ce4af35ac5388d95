//! Redis is paused, killed, emptied, filled up and made read-only.

use crate::support::{
    IDLE, Redis, copy, fill, kinds, lives, miss, on_each, patient, until,
};
use backing_services::Backing;
use cache::{BreakerState, Cache, CacheDown, Limits, Written};
use std::time::{Duration, Instant};

const LIFE: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_secs(15);

async fn is(cache: &Cache, state: BreakerState) {
    let what = format!("the breaker is {}", state.as_str());
    until(&what, SOON, async || cache.breaker_state() == state).await;
}

/// A replica that asks nothing by itself, so that a test decides what is asked.
fn quiet() -> Limits {
    Limits { heartbeat: Duration::from_secs(3600), ..patient() }
}

/// Far beyond one time-out of [`Limits::default`] and far below a hundred of them: a machine
/// that is busy elsewhere stays below.
const PATIENT: Duration = Duration::from_secs(3);

#[tokio::test]
async fn while_redis_is_paused_the_breaker_opens_and_calls_fail_at_once() {
    on_each(async |redis| {
        let heartbeat = Duration::from_secs(3600);
        let limits = Limits { heartbeat, ..Limits::default() };
        let cache = redis.cache_with(limits).await;
        redis.service.pause().await.unwrap();
        for _ in 0..5 {
            let begun = Instant::now();
            assert_eq!(cache.ping().await, Err(CacheDown::Timeout));
            assert!(begun.elapsed() < PATIENT, "{:?}", begun.elapsed());
        }
        assert_eq!(cache.breaker_state(), BreakerState::Open);
        let begun = Instant::now();
        for _ in 0..100 {
            let taken = cache.take("b", 1, LIFE).await;
            assert_eq!(taken, Err(CacheDown::Resting));
        }
        assert!(begun.elapsed() < PATIENT, "{:?}", begun.elapsed());
        redis.service.resume().await.unwrap();
        assert_eq!(cache.ping().await, Err(CacheDown::Resting), "it rests for its time");
        until("a probe closes it", SOON, async || cache.ping().await.is_ok()).await;
        assert_eq!(cache.breaker_state(), BreakerState::Closed);
    })
    .await;
}

#[tokio::test]
async fn the_breaker_of_a_replica_without_traffic_opens_and_closes_by_itself() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        redis.service.pause().await.unwrap();
        is(&cache, BreakerState::Open).await;
        redis.service.resume().await.unwrap();
        is(&cache, BreakerState::Closed).await;
    })
    .await;
}

#[tokio::test]
async fn of_many_calls_after_the_rest_one_waits_for_a_paused_redis() {
    on_each(async |redis| {
        let rest = Duration::from_millis(300);
        let cache = redis.cache_with(Limits { rest, ..quiet() }).await;
        redis.service.pause().await.unwrap();
        while cache.breaker_state() != BreakerState::Open {
            let _times_out = cache.ping().await;
        }
        tokio::time::sleep(rest).await;
        let calls = futures_util::future::join_all((0..50).map(|_| cache.ping())).await;
        let asked = calls.iter().filter(|call| **call == Err(CacheDown::Timeout)).count();
        let spared =
            calls.iter().filter(|call| **call == Err(CacheDown::Resting)).count();
        assert_eq!((asked, spared), (1, 49));
        redis.service.resume().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_was_killed_is_in_use_again_soon_after_its_restart() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        fill(&cache, "p").await;
        redis.service.kill9().await.unwrap();
        is(&cache, BreakerState::Open).await;
        redis.service.restart().await.unwrap();
        let begun = Instant::now();
        is(&cache, BreakerState::Closed).await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        miss(&cache, "p").await;
        fill(&cache, "p").await;
        assert!(lives(&cache, "p").await);
    })
    .await;
}

#[tokio::test]
async fn after_trouble_a_replica_believes_only_what_was_read_since() {
    on_each(async |redis| {
        let (one, other) =
            (redis.cache_with(quiet()).await, redis.cache_with(quiet()).await);
        fill(&one, "p").await;
        let read_at = miss(&one, "q").await;
        redis.service.pause().await.unwrap();
        assert_eq!(one.ping().await, Err(CacheDown::Timeout));
        redis.service.resume().await.unwrap();
        assert!(lives(&other, "p").await, "the other had no trouble");
        until("one is answered", SOON, async || one.ping().await.is_ok()).await;
        miss(&one, "p").await;
        let late = one.fill_session("q", &copy(1, read_at), IDLE).await;
        assert_eq!(late, Ok(cache::Filled::Late));
        fill(&one, "p").await;
        assert!(lives(&one, "p").await);
    })
    .await;
}

#[tokio::test]
async fn a_tombstone_that_redis_could_not_take_is_written_when_it_is_back() {
    on_each(async |redis| {
        let (one, other) = (redis.cache().await, redis.cache().await);
        fill(&one, "p").await;
        redis.service.pause().await.unwrap();
        is(&one, BreakerState::Open).await;
        let begun = Instant::now();
        let written = one.forget_sessions(&["p".to_owned()], LIFE).await;
        assert_eq!((written, one.pending()), (Written::Later, 1));
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        redis.service.resume().await.unwrap();
        until("it is written", SOON, async || one.pending() == 0).await;
        is(&other, BreakerState::Closed).await;
        assert!(!lives(&other, "p").await);
        assert_eq!(redis.say::<String>(&["GET", "session:p"]).await, "ended");
    })
    .await;
}

#[tokio::test]
async fn words_beyond_the_limit_push_out_the_oldest() {
    on_each(async |redis| {
        let cache = redis.cache_with(Limits { pending: 3, ..patient() }).await;
        redis.service.kill9().await.unwrap();
        for n in 0..5 {
            cache.deny(&n.to_string(), LIFE).await;
        }
        assert_eq!(cache.pending(), 3);
        redis.service.restart().await.unwrap();
        until("they are written", SOON, async || cache.pending() == 0).await;
        let there: Vec<i64> = vec![
            redis.say(&["EXISTS", "denied:1"]).await,
            redis.say(&["EXISTS", "denied:4"]).await,
        ];
        assert_eq!(there, [0, 1]);
    })
    .await;
}

/// As after a failover, when the address leads to the one that only copies.
#[tokio::test]
async fn a_redis_that_became_read_only_is_a_broken_connection() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let cache = redis.cache_with(quiet()).await;
    fill(&cache, "p").await;
    redis.say::<()>(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let lost = cache.take("b", 9, LIFE).await;
    assert!(matches!(lost, Err(CacheDown::Lost(_))), "{lost:?}");
    redis.say::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    miss(&cache, "p").await;
    assert!(cache.take("b", 9, LIFE).await.is_ok());
}

/// As when its disk is full, or its append-only file failed: it reads, and writes nothing.
async fn refuse_writes(redis: &Redis, refuse: bool) {
    let copies = if refuse { "1" } else { "0" };
    redis.say::<()>(&["CONFIG", "SET", "min-replicas-to-write", copies]).await;
}

#[tokio::test]
async fn a_redis_that_refuses_to_write_is_not_believed_about_what_it_still_reads() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let cache = redis.cache_with(quiet()).await;
    fill(&cache, "p").await;
    refuse_writes(&redis, true).await;
    let written = cache.forget_sessions(&["p".to_owned()], LIFE).await;
    assert_eq!((written, cache.pending()), (Written::Later, 1));
    assert_eq!(cache.deny("iss/1", LIFE).await, Written::Later);
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
async fn a_replica_that_only_reads_notices_by_itself_that_redis_refuses_to_write() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let cache = redis.cache().await;
    fill(&cache, "p").await;
    assert!(lives(&cache, "p").await);
    refuse_writes(&redis, true).await;
    until("its copy is not believed", SOON, async || {
        !matches!(
            cache.use_session::<String>("p", IDLE).await,
            Ok(cache::Found::Live { .. })
        )
    })
    .await;
}

#[tokio::test]
async fn a_word_that_redis_refuses_for_whatever_reason_raises_doubt() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let cache = redis.cache_with(quiet()).await;
    fill(&cache, "p").await;
    assert!(lives(&cache, "p").await);
    redis.say::<()>(&["ACL", "SETUSER", "default", "-psetex"]).await;
    let ended = ["another".to_owned()];
    assert_eq!(cache.forget_sessions(&ended, LIFE).await, Written::Later);
    miss(&cache, "p").await;
}

#[tokio::test]
async fn a_full_redis_still_answers_and_is_still_told_what_ended() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let cache = redis.cache().await;
    fill(&cache, "p").await;
    fill(&cache, "q").await;
    redis.say::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(lives(&cache, "p").await, "reading works");
    let now = miss(&cache, "new").await;
    let filled = cache.fill_session("new", &copy(1, now), IDLE).await;
    assert_eq!(filled, Err(CacheDown::Full));
    let ended = ["q".to_owned(), "never cached".to_owned()];
    assert_eq!(cache.forget_sessions(&ended, LIFE).await, Written::Now);
    assert_eq!(redis.say::<String>(&["GET", "session:q"]).await, "ended");
    assert_eq!(cache.deny("iss/1", LIFE).await, Written::Now);
    assert_eq!(cache.is_denied("iss/1").await, Ok(cache::Denial::Denied));
    for _ in 0..10 {
        assert_eq!(cache.take("b", 9, LIFE).await, Err(CacheDown::Full));
    }
    assert_eq!(cache.breaker_state(), BreakerState::Closed, "it is well, only full");
}
