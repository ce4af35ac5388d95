//! The identity of a Redis is read, not inferred from failed calls. After a failover to a copy
//! that lacks an invalidation, no replica uses older entries, however the clients came there.

use crate::failover::{ClockShift, Failover, Move};
use crate::support::{
    Copy, IDLE, Redis, copy, covers, fill, generous_limits, is_live, kinds, miss, now_ms,
};
use backing_services::{Backing, RedisOptions, redis_with};
use cache::{Cache, Filled, Limits, RedisTime, Version, Written};
use futures_util::future::join_all;
use process::until;
use std::time::{Duration, Instant};

const LIFE: Duration = Duration::from_secs(3600);

/// Four heartbeats: by then every replica has noticed.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(1);

/// Longer than the age of an entry at the failover, for a clock that catches up with it.
const WATCH_TIME: Duration = Duration::from_secs(2);

/// A failover: the end of the URL, the fate of the connections, the clocks.
type Case = (&'static str, Move, ClockShift);

const SAME: ClockShift = ClockShift { primary: 0, copy: 0 };
const PRIMARY_AHEAD: ClockShift = ClockShift { primary: 15, copy: 0 };
const COPY_BEHIND: ClockShift = ClockShift { primary: 0, copy: -15 };
const COPY_AHEAD: ClockShift = ClockShift { primary: 0, copy: 3600 };

const CASES: [Case; 8] = [
    ("", Move::Kept, SAME),
    ("?protocol=resp3", Move::Cut, SAME),
    ("?protocol=resp3", Move::Cut, PRIMARY_AHEAD),
    ("", Move::Cut, PRIMARY_AHEAD),
    ("", Move::Cut, COPY_BEHIND),
    ("", Move::Kept, PRIMARY_AHEAD),
    ("", Move::Kept, COPY_BEHIND),
    ("", Move::Kept, COPY_AHEAD),
];

/// What a replica would accept although it was revoked.
async fn accepted(cache: &Cache, issued_at: i64) -> Vec<&'static str> {
    let mut accepted = Vec::new();
    if is_live(cache, "p").await {
        accepted.push("session");
    }
    if cache.version("alice").await == Ok(Version::Current(1)) {
        accepted.push("version");
    }
    if covers(cache, "iss/1", issued_at).await {
        accepted.push("token");
    }
    accepted
}

async fn revoke(cache: &Cache) {
    let (sessions, users) = (["p".to_owned()], ["alice".to_owned()]);
    assert_eq!(cache.invalidate_sessions(&sessions, LIFE).await, Written::Now);
    assert_eq!(cache.invalidate_versions(&users, LIFE).await, Written::Now);
    assert_eq!(cache.deny("iss/1", LIFE).await, Written::Now);
}

async fn fill_version(cache: &Cache) {
    let Ok(Version::Unknown { now }) = cache.version("alice").await else {
        panic!("a version is cached")
    };
    let ends_at = now_ms() + 7_200_000;
    assert_eq!(cache.fill_version("alice", 1, now, ends_at).await, Ok(Filled::Stored));
}

/// A session that has not ended by a clock that is an hour ahead.
fn long_copy(read_at: RedisTime) -> Copy {
    let mut long = copy(1, read_at);
    long.ends_at += 7_200_000;
    long
}

async fn fail_over(case: Case) -> Result<(), String> {
    let (query, how, shift) = case;
    let servers = Failover::start(shift).await;
    let cache = servers.cache(query).await;
    let read_at = miss(&cache, "p").await;
    let filled = cache.fill_session("p", &long_copy(read_at), 3 * LIFE).await;
    assert_eq!(filled, Ok(Filled::Stored));
    fill_version(&cache).await;
    servers.detach().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let issued_at = now_ms();
    revoke(&cache).await;
    assert_eq!(accepted(&cache, issued_at).await, [""; 0], "before: {case:?}");
    servers.fail_over(how);
    tokio::time::sleep(NOTICE_TIMEOUT).await;
    let watched = Instant::now();
    while watched.elapsed() < WATCH_TIME {
        let accepted = accepted(&cache, issued_at).await;
        if !accepted.is_empty() {
            return Err(format!("{accepted:?} after {case:?}"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The copy serves from now on.
    until(&format!("the copy is used: {case:?}"), WATCH_TIME * 2, async || {
        let Ok(cache::Found::Miss { now, .. }) =
            cache.peek_session::<String>("new").await
        else {
            return false;
        };
        let filled = cache.fill_session("new", &long_copy(now), 3 * LIFE).await;
        filled == Ok(Filled::Stored) && is_live(&cache, "new").await
    })
    .await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn failover_to_a_lagging_copy_revives_nothing() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let mut failed = Vec::new();
    // Four at a time: each has two servers.
    for cases in CASES.chunks(4) {
        let results = join_all(cases.iter().map(|case| fail_over(*case))).await;
        failed.extend(results.into_iter().filter_map(Result::err));
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// A slow reader asked the old primary and fills the copy.
#[tokio::test(flavor = "multi_thread")]
async fn slow_reader_of_the_old_primary_fills_nothing_usable() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let servers = Failover::start(PRIMARY_AHEAD).await;
    let cache = servers.cache("").await;
    let read_at = miss(&cache, "p").await;
    servers.detach().await;
    revoke(&cache).await;
    servers.fail_over(Move::Kept);
    let _outdated_or_unusable = cache.fill_session("p", &copy(1, read_at), IDLE).await;
    tokio::time::sleep(NOTICE_TIMEOUT).await;
    assert!(!is_live(&cache, "p").await);
    assert_eq!(
        cache.fill_session("p", &copy(1, read_at), IDLE).await,
        Ok(Filled::Outdated)
    );
}

/// There and back within one heartbeat: the run id is the same, the replication id is not.
#[tokio::test(flavor = "multi_thread")]
async fn demoted_and_promoted_redis_is_another_one() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let servers = Failover::start(SAME).await;
    let cache = servers.cache("").await;
    fill(&cache, "p").await;
    servers.detach().await;
    servers.fail_over(Move::Kept);
    cache.ping().await.unwrap();
    miss(&cache, "p").await;
    fill(&cache, "q").await;
    let mut direct = servers.copy_connection().await;
    for promoted in [["127.0.0.1", "1"], ["NO", "ONE"]] {
        let mut command = redis::cmd("REPLICAOF");
        command.arg(&promoted).exec_async(&mut direct).await.unwrap();
    }
    cache.ping().await.unwrap();
    miss(&cache, "q").await;
    servers.fail_back();
}

/// A replica without a heartbeat, so that the test makes every call.
fn quiet() -> Limits {
    Limits { heartbeat_interval: LIFE, ..generous_limits() }
}

#[tokio::test(flavor = "multi_thread")]
async fn evictions_and_an_evicting_policy_end_the_trust() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let cache = redis.cache_with(quiet()).await;
    let policy = async |policy: &str| {
        redis.command::<()>(&["CONFIG", "SET", "maxmemory-policy", policy]).await;
    };
    fill(&cache, "p").await;
    assert!(is_live(&cache, "p").await && covers(&cache, "t", now_ms() + 60_000).await);
    policy("volatile-lru").await;
    cache.ping().await.unwrap();
    assert!(!is_live(&cache, "p").await, "Redis may have evicted the tombstone");
    assert!(!covers(&cache, "t", now_ms()).await, "or a denial");
    policy("noeviction").await;
    cache.ping().await.unwrap();
    fill(&cache, "p").await;
    assert!(is_live(&cache, "p").await);

    // Between two heartbeats only the count of evictions is left.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let issued_at = now_ms();
    policy("allkeys-random").await;
    redis.command::<()>(&["SET", "unused", "1"]).await;
    redis.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    until("a key is evicted", LIFE.min(Duration::from_secs(10)), async || {
        redis.command::<i64>(&["DBSIZE"]).await == 0
    })
    .await;
    redis.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    policy("noeviction").await;
    cache.ping().await.unwrap();
    assert!(!covers(&cache, "t", issued_at + 5_000).await, "a denial was evicted");
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_settings_do_not_hide_an_evicting_redis() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    for (policy, accepted) in [("allkeys-lru", false), ("noeviction", true)] {
        let configuration =
            format!("rename-command CONFIG \"\"\nmaxmemory-policy {policy}\n");
        let options = RedisOptions { configuration, ..RedisOptions::default() };
        let redis = Redis::with(async |folder| redis_with(&options, &folder).await).await;
        let opened = crate::support::open(&redis.service.url, Limits::default()).await;
        match (accepted, opened) {
            (true, Ok(_)) => {}
            (false, Err(refused)) => {
                assert!(refused.to_string().contains(policy), "{refused}");
            }
            (_, opened) => panic!("{policy}: accepted {}", opened.is_ok()),
        }
    }
}
