//! Fills, tombstones and uses, in every order that hurts.

use crate::support::{IDLE, copy, fill, lives, miss, now_ms, on_each};
use cache::{Filled, Found, SessionCopy, Written};
use std::time::Duration;

const LIFE: Duration = Duration::from_secs(3600);

fn proofs(of: &[&str]) -> Vec<String> {
    of.iter().map(|proof| (*proof).to_owned()).collect()
}

#[tokio::test]
async fn what_one_replica_fills_all_find_with_its_time_left() {
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
async fn a_tombstone_wins_over_a_fill_that_was_read_before_it() {
    on_each(async |redis| {
        let (slow, other) = (redis.cache().await, redis.cache().await);
        let read_at = miss(&slow, "p").await;
        assert_eq!(other.forget_sessions(&proofs(&["p"]), LIFE).await, Written::Now);
        let late = slow.fill_session("p", &copy(9, read_at), IDLE).await;
        assert_eq!(late, Ok(Filled::Ended));
        assert_eq!(slow.use_session::<String>("p", IDLE).await, Ok(Found::Ended));
    })
    .await;
}

#[tokio::test]
async fn a_tombstone_wins_over_what_is_cached_and_is_never_shortened() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        fill(&cache, "p").await;
        cache.forget_sessions(&proofs(&["p", "q"]), LIFE).await;
        cache.forget_sessions(&proofs(&["p"]), Duration::from_secs(1)).await;
        let left: i64 = redis.say(&["TTL", "session:p"]).await;
        assert!(left > 3000, "{left} s");
        for proof in ["p", "q"] {
            assert_eq!(cache.peek_session::<String>(proof).await, Ok(Found::Ended));
        }
    })
    .await;
}

#[tokio::test]
async fn a_fill_that_was_read_before_redis_was_emptied_is_too_late() {
    on_each(async |redis| {
        let (slow, other) = (redis.cache().await, redis.cache().await);
        let read_at = miss(&slow, "p").await;
        other.forget_sessions(&proofs(&["p"]), LIFE).await;
        redis.say::<()>(&["FLUSHALL"]).await;
        let late = slow.fill_session("p", &copy(1, read_at), IDLE).await;
        assert_eq!(late, Ok(Filled::Late));
        miss(&other, "another").await;
        let later = slow.fill_session("p", &copy(1, read_at), IDLE).await;
        assert_eq!(later, Ok(Filled::Late));
        miss(&other, "p").await;
        fill(&slow, "p").await;
    })
    .await;
}

#[tokio::test]
async fn an_older_version_never_replaces_a_newer_one_and_an_older_reading_never_a_newer()
{
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
            Ok(Filled::Known)
        );
        assert_eq!(
            cache.fill_session("p", &copy(2, early), IDLE).await,
            Ok(Filled::Known)
        );
        assert_eq!(
            cache.fill_session("p", &copy(3, early), IDLE).await,
            Ok(Filled::Stored)
        );
    })
    .await;
}

#[tokio::test]
async fn of_many_fills_and_one_tombstone_at_once_the_tombstone_is_what_stays() {
    on_each(async |redis| {
        let mut replicas = Vec::new();
        for _ in 0..3 {
            replicas.push(redis.cache().await);
        }
        for round in 0..30 {
            let proof = format!("p{round}");
            let read_at = miss(&replicas[0], &proof).await;
            let ours = copy(1, read_at);
            let fills = replicas.iter().cycle().take(15);
            let fills = fills.map(|one| one.fill_session(&proof, &ours, IDLE));
            let ended = proofs(&[&proof]);
            let (_filled, written) = tokio::join!(
                futures_util::future::join_all(fills),
                replicas[1].forget_sessions(&ended, LIFE),
            );
            assert_eq!(written, Written::Now);
            assert!(!lives(&replicas[2], &proof).await, "{proof} came back");
        }
    })
    .await;
}

#[tokio::test]
async fn a_use_creates_nothing_and_changes_nothing_but_the_time_left() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        assert!(!lives(&cache, "p").await);
        assert_eq!(redis.say::<i64>(&["EXISTS", "session:p"]).await, 0);
        fill(&cache, "p").await;
        let before: String = redis.say(&["GET", "session:p"]).await;
        redis.say::<()>(&["PEXPIRE", "session:p", "5000"]).await;
        cache.peek_session::<String>("p").await.unwrap();
        assert!(
            redis.say::<i64>(&["PTTL", "session:p"]).await <= 5000,
            "a look is no use"
        );
        assert!(lives(&cache, "p").await);
        assert!(redis.say::<i64>(&["PTTL", "session:p"]).await > 50_000);
        assert_eq!(redis.say::<String>(&["GET", "session:p"]).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_use_a_moment_after_another_writes_nothing_and_a_later_one_does() {
    on_each(async |redis| {
        let (cache, idle) = (redis.cache().await, Duration::from_secs(3_600));
        fill(&cache, "p").await;
        for (left_s, is_written) in [(3_590, false), (3_000, true)] {
            redis.say::<()>(&["EXPIRE", "session:p", &left_s.to_string()]).await;
            let found = cache.use_session::<String>("p", idle).await;
            assert!(matches!(found, Ok(Found::Live { .. })), "{found:?}");
            let now_left: i64 = redis.say(&["TTL", "session:p"]).await;
            assert_eq!(now_left > left_s, is_written, "{now_left} s");
        }
    })
    .await;
}

#[tokio::test]
async fn a_use_of_a_session_near_its_absolute_end_writes_nothing_either() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        let read_at = miss(&cache, "p").await;
        let ends_at = now_ms() + 20_000;
        let ours = SessionCopy { ends_at, ..copy(1, read_at) };
        cache.fill_session("p", &ours, IDLE).await.unwrap();
        let before: i64 = redis.say(&["PTTL", "session:p"]).await;
        assert!(lives(&cache, "p").await);
        let after: i64 = redis.say(&["PTTL", "session:p"]).await;
        assert!(after <= before && before <= 20_000, "{before} ms, then {after} ms");
    })
    .await;
}

#[tokio::test]
async fn no_use_and_no_fill_carries_a_session_beyond_its_absolute_end() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        let mut ours = copy(1, miss(&cache, "p").await);
        ours.ends_at = now_ms() + 700;
        assert_eq!(cache.fill_session("p", &ours, IDLE).await, Ok(Filled::Stored));
        assert!(redis.say::<i64>(&["PTTL", "session:p"]).await <= 700);
        while now_ms() < ours.ends_at - 100 {
            assert!(lives(&cache, "p").await || now_ms() >= ours.ends_at);
            assert!(redis.say::<i64>(&["PTTL", "session:p"]).await <= 700);
        }
        while now_ms() <= ours.ends_at {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let now = miss(&cache, "p").await;
        ours.read_at = now;
        assert_eq!(cache.fill_session("p", &ours, IDLE).await, Ok(Filled::Over));
    })
    .await;
}

#[tokio::test]
async fn a_refill_does_not_shorten_the_life_that_a_use_has_given() {
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
        assert!(redis.say::<i64>(&["PTTL", "session:p"]).await > 50_000);
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_has_just_started_believes_nothing_from_before_it() {
    on_each(async |redis| {
        let old = redis.cache().await;
        fill(&old, "p").await;
        let new = redis.cache().await;
        miss(&new, "p").await;
        fill(&new, "p").await;
        assert!(lives(&new, "p").await && lives(&old, "p").await);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_understood_is_not_believed_and_is_replaced() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        let strange =
            r#"{"version":1,"ends_at":9000000000000,"read_at":1,"session":{"a":1}}"#;
        redis.say::<()>(&["SET", "session:p", strange]).await;
        fill(&cache, "p").await;
        assert!(lives(&cache, "p").await);
    })
    .await;
}
