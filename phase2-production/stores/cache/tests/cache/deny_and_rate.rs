//! The deny list and the rate limits.

use crate::support::{Redis, now_ms, on_each};
use cache::{Cache, Denial, Filled, Taken, Version, Written};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// Two clocks are read one after the other.
const RESOLUTION: Duration = Duration::from_millis(20);

/// For how long Redis has received every denial.
async fn covered(cache: &Cache, key: &str) -> Duration {
    match cache.is_denied(key).await.expect("Redis answers") {
        Denial::NotDenied { covered, .. } => covered,
        Denial::Denied => panic!("{key} is denied"),
    }
}

#[tokio::test]
async fn denial_holds_on_all_replicas_until_it_expires() {
    on_each(async |redis| {
        let (one, other) = (redis.cache().await, redis.cache().await);
        covered(&other, "iss/1").await;
        assert_eq!(one.deny("iss/1", MINUTE).await, Written::Now);
        assert_eq!(other.is_denied("iss/1").await, Ok(Denial::Denied));
        let (time, begun) = (Duration::from_millis(50), Instant::now());
        assert_eq!(one.deny("iss/2", time).await, Written::Now);
        while other.is_denied("iss/2").await == Ok(Denial::Denied) {
            assert!(
                begun.elapsed() < Duration::from_secs(5),
                "the denial does not expire"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        covered(&other, "iss/2").await;
        // Redis counts whole milliseconds, so a key set within one expires up to one
        // early.
        let counted = begun.elapsed() + Duration::from_millis(1);
        assert!(counted >= time, "gone after {counted:?} of {time:?}");
    })
    .await;
}

#[tokio::test]
async fn flushed_deny_list_reports_its_start() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        covered(&cache, "iss/1").await;
        let issued_at = Instant::now();
        cache.deny("iss/1", MINUTE).await;
        assert!(covered(&cache, "iss/2").await + RESOLUTION >= issued_at.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
        redis.command::<()>(&["FLUSHALL"]).await;
        let covered = covered(&cache, "iss/1").await;
        assert!(covered < issued_at.elapsed(), "the database must be asked");
    })
    .await;
}

#[tokio::test]
async fn slow_reader_does_not_restore_an_outdated_version() {
    on_each(async |redis| {
        let (one, other) = (redis.cache().await, redis.cache().await);
        let Ok(Version::Unknown { now }) = one.version("alice").await else { panic!() };
        let ends_at = now_ms() + 60_000;
        let filled = one.fill_version("alice", 1, now, ends_at).await;
        assert_eq!(filled, Ok(Filled::Stored));
        assert_eq!(one.version("alice").await, Ok(Version::Current(1)));
        let changed = ["alice".to_owned()];
        assert_eq!(other.invalidate_versions(&changed, MINUTE).await, Written::Now);
        assert_eq!(one.version("alice").await, Ok(Version::Invalidated));
        let late = one.fill_version("alice", 1, now, ends_at).await;
        assert_eq!(late, Ok(Filled::Ended));
    })
    .await;
}

#[tokio::test]
async fn rate_limit_is_exact_over_three_replicas() {
    on_each(async |redis: Redis| {
        let mut replicas = Vec::new();
        for _ in 0..3 {
            replicas.push(redis.cache().await);
        }
        let takes = (0..60).map(|n| {
            let replica = replicas[n % 3].clone();
            tokio::spawn(async move {
                replica.take_permit("alice", 10, MINUTE).await.unwrap()
            })
        });
        let mut allowed = Vec::new();
        for taken in futures_util::future::join_all(takes).await {
            match taken.unwrap() {
                Taken::Allowed { remaining } => allowed.push(remaining),
                Taken::Refused { retry_after } => {
                    assert!(retry_after <= MINUTE && retry_after > MINUTE / 2);
                }
            }
        }
        allowed.sort_unstable();
        assert_eq!(allowed, (0..10).collect::<Vec<_>>());
        let bob = replicas[0].take_permit("bob", 10, MINUTE).await;
        assert_eq!(
            bob,
            Ok(Taken::Allowed { remaining: 9 }),
            "each bucket has its own limit"
        );
    })
    .await;
}

#[tokio::test]
async fn bucket_refills_after_its_window_despite_refused_requests() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        let window = Duration::from_millis(400);
        let begun = Instant::now();
        assert_eq!(
            cache.take_permit("b", 1, window).await,
            Ok(Taken::Allowed { remaining: 0 })
        );
        while let Taken::Refused { retry_after } =
            cache.take_permit("b", 1, window).await.unwrap()
        {
            assert!(retry_after <= window && begun.elapsed() < 5 * window);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(begun.elapsed() >= window - Duration::from_millis(20));
        assert!(matches!(
            cache.take_permit("never", 0, window).await,
            Ok(Taken::Refused { .. })
        ));
    })
    .await;
}

#[tokio::test]
async fn returned_request_never_enlarges_the_bucket() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        assert_eq!(
            cache.take_permit("b", 2, MINUTE).await,
            Ok(Taken::Allowed { remaining: 1 })
        );
        for _ in 0..3 {
            cache.return_permit("b").await.unwrap();
        }
        cache.return_permit("never taken from").await.unwrap();
        assert_eq!(redis.command::<i64>(&["EXISTS", "d:rate:never taken from"]).await, 0);
        assert_eq!(
            cache.take_permit("b", 2, MINUTE).await,
            Ok(Taken::Allowed { remaining: 1 })
        );
        assert!(
            redis.command::<i64>(&["TTL", "d:rate:b"]).await > 50,
            "the window still ends"
        );
    })
    .await;
}

#[tokio::test]
async fn batch_of_allowed_requests_counts_completely_or_not() {
    on_each(async |redis| {
        let cache = redis.cache().await;
        let taken = cache.take_permits("b", 3, 5, MINUTE).await;
        assert_eq!(taken, Ok(Taken::Allowed { remaining: 2 }));
        let taken = cache.take_permits("b", 3, 5, MINUTE).await;
        assert_eq!(taken, Ok(Taken::Allowed { remaining: 0 }), "all three count");
        let taken = cache.take_permits("b", 3, 5, MINUTE).await;
        assert!(matches!(taken, Ok(Taken::Refused { .. })));
        assert_eq!(redis.command::<i64>(&["GET", "d:rate:b"]).await, 6);
    })
    .await;
}
