//! The deny list and the rate limits.

use crate::support::{Redis, now_ms, on_each};
use cache::{Cache, Denial, Filled, Taken, Version, Written};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

async fn not_since(cache: &Cache, key: &str) -> i64 {
    match cache.is_denied(key).await.expect("Redis answers") {
        Denial::NotSince { since } => since,
        Denial::Denied => panic!("{key} is denied"),
    }
}

#[tokio::test]
async fn what_one_replica_denies_is_denied_at_all_until_its_time_is_over() {
    on_each(async |redis| {
        let (one, other) = (redis.cache().await, redis.cache().await);
        not_since(&other, "iss/1").await;
        assert_eq!(one.deny("iss/1", MINUTE).await, Written::Now);
        assert_eq!(other.is_denied("iss/1").await, Ok(Denial::Denied));
        let (time, begun) = (Duration::from_millis(50), Instant::now());
        assert_eq!(one.deny("iss/2", time).await, Written::Now);
        while other.is_denied("iss/2").await == Ok(Denial::Denied) {
            assert!(begun.elapsed() < Duration::from_secs(5), "it is denied for ever");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        not_since(&other, "iss/2").await;
        // Redis counts whole milliseconds: what began in the middle of one ends before it.
        let counted = begun.elapsed() + Duration::from_millis(1);
        assert!(counted >= time, "gone after {counted:?} of {time:?}");
    })
    .await;
}

#[tokio::test]
async fn a_list_that_was_lost_says_that_it_knows_nothing_of_before() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        not_since(&cache, "iss/1").await;
        let issued_at = now_ms();
        cache.deny("iss/1", MINUTE).await;
        assert!(not_since(&cache, "iss/2").await <= issued_at);
        redis.say::<()>(&["FLUSHALL"]).await;
        assert!(not_since(&cache, "iss/1").await >= issued_at, "the truth must be asked");
    })
    .await;
}

#[tokio::test]
async fn a_version_that_changed_is_not_put_back_by_a_slow_reader() {
    on_each(async |redis| {
        let (one, other) = (redis.cache().await, redis.cache().await);
        let Ok(Version::Unknown { now }) = one.version("alice").await else { panic!() };
        let ends_at = now_ms() + 60_000;
        let filled = one.fill_version("alice", 1, now, ends_at).await;
        assert_eq!(filled, Ok(Filled::Stored));
        assert_eq!(one.version("alice").await, Ok(Version::Is(1)));
        let changed = ["alice".to_owned()];
        assert_eq!(other.forget_versions(&changed, MINUTE).await, Written::Now);
        assert_eq!(one.version("alice").await, Ok(Version::Unsettled));
        let late = one.fill_version("alice", 1, now, ends_at).await;
        assert_eq!(late, Ok(Filled::Ended));
    })
    .await;
}

#[tokio::test]
async fn of_many_who_take_at_once_at_three_replicas_exactly_the_limit_get_through() {
    on_each(async |redis: Redis| {
        let mut replicas = Vec::new();
        for _ in 0..3 {
            replicas.push(redis.cache().await);
        }
        let takes = (0..60).map(|n| {
            let replica = replicas[n % 3].clone();
            tokio::spawn(async move { replica.take("alice", 10, MINUTE).await.unwrap() })
        });
        let mut allowed = Vec::new();
        for taken in futures_util::future::join_all(takes).await {
            match taken.unwrap() {
                Taken::Allowed { left } => allowed.push(left),
                Taken::Refused { retry_after } => {
                    assert!(retry_after <= MINUTE && retry_after > MINUTE / 2);
                }
            }
        }
        allowed.sort_unstable();
        assert_eq!(allowed, (0..10).collect::<Vec<_>>());
        let bob = replicas[0].take("bob", 10, MINUTE).await;
        assert_eq!(bob, Ok(Taken::Allowed { left: 9 }), "another bucket is another's");
    })
    .await;
}

#[tokio::test]
async fn a_bucket_is_full_again_after_its_window_even_for_one_who_kept_trying() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        let window = Duration::from_millis(400);
        let begun = Instant::now();
        assert_eq!(cache.take("b", 1, window).await, Ok(Taken::Allowed { left: 0 }));
        while let Taken::Refused { retry_after } =
            cache.take("b", 1, window).await.unwrap()
        {
            assert!(retry_after <= window && begun.elapsed() < 5 * window);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(begun.elapsed() >= window - Duration::from_millis(20));
        assert!(matches!(
            cache.take("never", 0, window).await,
            Ok(Taken::Refused { .. })
        ));
    })
    .await;
}

#[tokio::test]
async fn what_is_given_back_can_be_taken_again_and_never_makes_the_bucket_larger() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        assert_eq!(cache.take("b", 2, MINUTE).await, Ok(Taken::Allowed { left: 1 }));
        for _ in 0..3 {
            cache.give_back("b").await.unwrap();
        }
        cache.give_back("never taken from").await.unwrap();
        assert_eq!(redis.say::<i64>(&["EXISTS", "rate:never taken from"]).await, 0);
        assert_eq!(cache.take("b", 2, MINUTE).await, Ok(Taken::Allowed { left: 1 }));
        assert!(redis.say::<i64>(&["TTL", "rate:b"]).await > 50, "the window still ends");
    })
    .await;
}

#[tokio::test]
async fn those_who_were_let_through_before_are_counted_all_or_not_at_all() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        let taken = cache.take_many("b", 3, 5, MINUTE).await;
        assert_eq!(taken, Ok(Taken::Allowed { left: 2 }));
        let taken = cache.take_many("b", 3, 5, MINUTE).await;
        assert_eq!(taken, Ok(Taken::Allowed { left: 0 }), "six went through");
        let taken = cache.take_many("b", 3, 5, MINUTE).await;
        assert!(matches!(taken, Ok(Taken::Refused { .. })));
        assert_eq!(redis.say::<i64>(&["GET", "rate:b"]).await, 6);
    })
    .await;
}
