//! Fills, tombstones and uses, in every critical order.

use crate::support::{IDLE, copy, fill, is_live, miss, now_ms, on_each};
use cache::{Filled, Found, SessionCopy, Written};
use std::time::Duration;

const LIFE: Duration = Duration::from_secs(3600);

fn hashes(of: &[&str]) -> Vec<String> {
    of.iter().map(|hash| (*hash).to_owned()).collect()
}

#[tokio::test]
async fn filled_copy_is_found_by_all_replicas() {
    on_each(async |redis| {
        let (one, other) = (redis.cache().await, redis.cache().await);
        let now = miss(&one, "p").await;
        let ours = copy(7, now);
        assert_eq!(one.fill_session("p", &ours, IDLE).await, Ok(Filled::Stored));
        let found = other.use_session::<String>("p", IDLE).await.unwrap();
        let Found::Live { copy, time_left, .. } = found else { panic!("{found:?}") };
        assert_eq!(copy, ours);
        assert!(time_left <= IDLE && time_left > IDLE / 2, "{time_left:?}");
    })
    .await;
}

#[tokio::test]
async fn tombstone_wins_over_a_fill_read_before_it() {
    on_each(async |redis| {
        let (slow, other) = (redis.cache().await, redis.cache().await);
        let read_at = miss(&slow, "p").await;
        assert_eq!(other.invalidate_sessions(&hashes(&["p"]), LIFE).await, Written::Now);
        let late = slow.fill_session("p", &copy(9, read_at), IDLE).await;
        assert_eq!(late, Ok(Filled::Ended));
        assert_eq!(slow.use_session::<String>("p", IDLE).await, Ok(Found::Ended));
    })
    .await;
}

#[tokio::test]
async fn tombstone_replaces_a_copy_and_is_never_shortened() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        fill(&cache, "p").await;
        cache.invalidate_sessions(&hashes(&["p", "q"]), LIFE).await;
        cache.invalidate_sessions(&hashes(&["p"]), Duration::from_secs(1)).await;
        let ttl_s: i64 = redis.command(&["TTL", "d:session:p"]).await;
        assert!(ttl_s > 3000, "{ttl_s} s");
        for hash in ["p", "q"] {
            assert_eq!(cache.peek_session::<String>(hash).await, Ok(Found::Ended));
        }
    })
    .await;
}

#[tokio::test]
async fn fill_read_before_a_flush_is_refused() {
    on_each(async |redis| {
        let (slow, other) = (redis.cache().await, redis.cache().await);
        let read_at = miss(&slow, "p").await;
        other.invalidate_sessions(&hashes(&["p"]), LIFE).await;
        redis.command::<()>(&["FLUSHALL"]).await;
        let late = slow.fill_session("p", &copy(1, read_at), IDLE).await;
        assert_eq!(late, Ok(Filled::Outdated));
        miss(&other, "another").await;
        let later = slow.fill_session("p", &copy(1, read_at), IDLE).await;
        assert_eq!(later, Ok(Filled::Outdated));
        miss(&other, "p").await;
        fill(&slow, "p").await;
    })
    .await;
}

#[tokio::test]
async fn older_version_or_read_never_replaces_a_newer() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        let early = miss(&cache, "p").await;
        let late = miss(&cache, "p").await;
        assert_eq!(
            cache.fill_session("p", &copy(2, late), IDLE).await,
            Ok(Filled::Stored)
        );
        assert_eq!(
            cache.fill_session("p", &copy(1, late), IDLE).await,
            Ok(Filled::NotNewer)
        );
        assert_eq!(
            cache.fill_session("p", &copy(2, early), IDLE).await,
            Ok(Filled::NotNewer)
        );
        assert_eq!(
            cache.fill_session("p", &copy(3, early), IDLE).await,
            Ok(Filled::Stored)
        );
    })
    .await;
}

#[tokio::test]
async fn tombstone_wins_over_parallel_fills() {
    on_each(async |redis| {
        let mut replicas = Vec::new();
        for _ in 0..3 {
            replicas.push(redis.cache().await);
        }
        for round in 0..30 {
            let hash = format!("p{round}");
            let read_at = miss(&replicas[0], &hash).await;
            let ours = copy(1, read_at);
            let fills = replicas.iter().cycle().take(15);
            let fills = fills.map(|one| one.fill_session(&hash, &ours, IDLE));
            let ended = hashes(&[&hash]);
            let (_filled, written) = tokio::join!(
                futures_util::future::join_all(fills),
                replicas[1].invalidate_sessions(&ended, LIFE),
            );
            assert_eq!(written, Written::Now);
            assert!(!is_live(&replicas[2], &hash).await, "{hash} was restored");
        }
    })
    .await;
}

#[tokio::test]
async fn use_changes_only_the_time_to_live() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        assert!(!is_live(&cache, "p").await);
        assert_eq!(redis.command::<i64>(&["EXISTS", "d:session:p"]).await, 0);
        fill(&cache, "p").await;
        let before: String = redis.command(&["GET", "d:session:p"]).await;
        redis.command::<()>(&["PEXPIRE", "d:session:p", "5000"]).await;
        cache.peek_session::<String>("p").await.unwrap();
        assert!(
            redis.command::<i64>(&["PTTL", "d:session:p"]).await <= 5000,
            "a lookup without a use"
        );
        assert!(is_live(&cache, "p").await);
        assert!(redis.command::<i64>(&["PTTL", "d:session:p"]).await > 50_000);
        assert_eq!(redis.command::<String>(&["GET", "d:session:p"]).await, before);
    })
    .await;
}

#[tokio::test]
async fn use_shortly_after_another_writes_nothing() {
    on_each(async |redis| {
        let (cache, idle) = (redis.cache().await, Duration::from_secs(3_600));
        fill(&cache, "p").await;
        for (ttl_s, is_written) in [(3_590, false), (3_000, true)] {
            redis.command::<()>(&["EXPIRE", "d:session:p", &ttl_s.to_string()]).await;
            let found = cache.use_session::<String>("p", idle).await;
            assert!(matches!(found, Ok(Found::Live { .. })), "{found:?}");
            let new_ttl: i64 = redis.command(&["TTL", "d:session:p"]).await;
            assert_eq!(new_ttl > ttl_s, is_written, "{new_ttl} s");
        }
    })
    .await;
}

#[tokio::test]
async fn use_near_the_absolute_end_writes_nothing() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        let read_at = miss(&cache, "p").await;
        let ends_at = now_ms() + 20_000;
        let ours = SessionCopy { ends_at, ..copy(1, read_at) };
        cache.fill_session("p", &ours, IDLE).await.unwrap();
        let before: i64 = redis.command(&["PTTL", "d:session:p"]).await;
        assert!(is_live(&cache, "p").await);
        let after: i64 = redis.command(&["PTTL", "d:session:p"]).await;
        assert!(after <= before && before <= 20_000, "{before} ms, then {after} ms");
    })
    .await;
}

#[tokio::test]
async fn no_use_or_fill_exceeds_the_absolute_end() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        let mut ours = copy(1, miss(&cache, "p").await);
        ours.ends_at = now_ms() + 700;
        assert_eq!(cache.fill_session("p", &ours, IDLE).await, Ok(Filled::Stored));
        assert!(redis.command::<i64>(&["PTTL", "d:session:p"]).await <= 700);
        while now_ms() < ours.ends_at - 100 {
            assert!(is_live(&cache, "p").await || now_ms() >= ours.ends_at);
            assert!(redis.command::<i64>(&["PTTL", "d:session:p"]).await <= 700);
        }
        while now_ms() <= ours.ends_at {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let now = miss(&cache, "p").await;
        ours.read_at = now;
        assert_eq!(cache.fill_session("p", &ours, IDLE).await, Ok(Filled::Expired));
    })
    .await;
}

#[tokio::test]
async fn refill_does_not_shorten_the_idle_time() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        fill(&cache, "p").await;
        let now = cache.peek_session::<String>("p").await.unwrap();
        let Found::Live { now, .. } = now else { panic!("{now:?}") };
        let short = Duration::from_secs(2);
        assert_eq!(
            cache.fill_session("p", &copy(1, now), short).await,
            Ok(Filled::Stored)
        );
        assert!(redis.command::<i64>(&["PTTL", "d:session:p"]).await > 50_000);
    })
    .await;
}

#[tokio::test]
async fn new_replica_ignores_copies_from_before_its_start() {
    on_each(async |redis| {
        let old = redis.cache().await;
        fill(&old, "p").await;
        let new = redis.cache().await;
        miss(&new, "p").await;
        fill(&new, "p").await;
        assert!(is_live(&new, "p").await && is_live(&old, "p").await);
    })
    .await;
}

#[tokio::test]
async fn unreadable_copy_is_ignored_and_replaced() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        let strange =
            r#"{"version":1,"ends_at":9000000000000,"read_at":1,"session":{"a":1}}"#;
        redis.command::<()>(&["SET", "d:session:p", strange]).await;
        fill(&cache, "p").await;
        assert!(is_live(&cache, "p").await);
    })
    .await;
}
