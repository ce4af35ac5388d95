//! Outages: which calls work without Redis or the database, and which return 503.

use super::super::*;
use super::cluster::{LIMITS, TestCluster, alice, eventually, on_each, request};
use backing_services::State;
use cache::BreakerState;
use futures_util::future::join_all;
use std::time::Instant;

#[tokio::test]
async fn all_calls_work_without_redis_and_recover_with_it() {
    on_each(LIMITS, async |cluster| {
        cluster.redis.kill9().await.unwrap();
        let id = cluster.log_in_everywhere().await;
        cluster.replicas[1].add_file(&id, "a.txt").await.unwrap();
        assert_eq!(cluster.replicas[2].view(&id).await.unwrap().files, ["a.txt"]);
        let other = cluster.log_in().await;
        cluster.replicas[1].end(&other, &request("logout")).await.unwrap();
        cluster.assert_rejected(&other, Duration::from_millis(50)).await;

        cluster.redis.restart().await.unwrap();
        for replica in &cluster.replicas {
            eventually("its breaker is closed", async || {
                replica.cache.breaker_state() == BreakerState::Closed
            })
            .await;
        }
        cluster.assert_rejected(&other, Duration::from_millis(50)).await;
        assert_eq!(cluster.touch_everywhere(&id).await, vec![Ok(alice()); 3]);
        let cached: String =
            cluster.redis_command(&["GET", &format!("d:session:{}", id.hash())]).await;
        assert!(cached.contains("alice"));
    })
    .await;
}

#[tokio::test]
async fn paused_redis_does_not_slow_requests() {
    on_each(LIMITS, async |cluster| {
        let id = cluster.log_in_everywhere().await;
        cluster.redis.pause().await.unwrap();
        let replica = &cluster.replicas[0];
        eventually("the breaker is open", async || {
            replica.cache.breaker_state() == BreakerState::Open
        })
        .await;
        let started = Instant::now();
        let asked = join_all((0..200).map(|_| replica.touch(&id))).await;
        assert!(asked.iter().all(|one| *one == Ok(alice())));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        cluster.redis.resume().await.unwrap();
    })
    .await;
}

/// Takes the database away: the server is killed, or the file is closed.
async fn take_database_away(cluster: &TestCluster) {
    if cluster.database.state() == State::External {
        for replica in &cluster.replicas {
            replica.records.close().await;
        }
    } else {
        cluster.database.kill9().await.unwrap();
    }
}

#[tokio::test]
async fn without_database_only_cached_sessions_are_answered() {
    on_each(LIMITS, async |cluster| {
        let (id, forgotten) = (cluster.log_in_everywhere().await, cluster.log_in().await);
        cluster
            .redis_command::<()>(&["DEL", &format!("d:session:{}", forgotten.hash())])
            .await;
        take_database_away(&cluster).await;
        let mut verifying = cluster.replicas[1].clone();
        verifying.verify_one_in = 1;
        assert_eq!(
            verifying.touch(&id).await,
            Ok(alice()),
            "an unreachable database is no rejection"
        );
        assert_eq!(cluster.touch_everywhere(&id).await, vec![Ok(alice()); 3]);
        let unavailable = Some(SessionError::Unavailable);
        let started = Instant::now();
        let replica = &cluster.replicas[0];
        let (unknown, epoch) = (SessionId::random(), 0);
        assert_eq!(replica.touch(&forgotten).await.err(), unavailable);
        assert_eq!(replica.peek(&unknown).await.err(), unavailable);
        assert!(replica.view(&id).await.is_ok(), "its list is in Redis since its birth");
        assert_eq!(replica.add_file(&id, "a").await.err(), unavailable);
        assert_eq!(replica.end(&id, &request("x")).await.err(), unavailable);
        let start = replica.start(&alice(), epoch, &request("x")).await;
        assert_eq!(start.err(), unavailable);
        assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
        assert_eq!(cluster.touch_everywhere(&id).await, vec![Ok(alice()); 3]);
    })
    .await;
}

/// A replica that lagged before the outage may miss a logout from before it.
#[tokio::test]
async fn replica_that_lagged_before_an_outage_refuses() {
    on_each(LIMITS, async |cluster| {
        let id = cluster.log_in_everywhere().await;
        cluster.replicas[0].revocation_feed.stop();
        tokio::time::sleep(crate::revocation_feed::MAX_PROPAGATION_DELAY).await;
        take_database_away(&cluster).await;
        for _ in 0..3 {
            let answers = cluster.touch_everywhere(&id).await;
            assert_eq!(answers[0], Err(SessionError::Unavailable));
            assert_eq!(answers[1..], [Ok(alice()), Ok(alice())]);
            let peeked = cluster.replicas[0].peek(&id).await;
            assert_eq!(peeked, Err(SessionError::Unavailable));
        }
    })
    .await;
}

#[tokio::test]
async fn sessions_survive_a_database_restart_and_can_be_ended() {
    on_each(LIMITS, async |cluster| {
        if cluster.database.state() == State::External {
            return;
        }
        let id = cluster.log_in_everywhere().await;
        cluster.database.kill9().await.unwrap();
        let cannot = cluster.replicas[0].end(&id, &request("x")).await;
        assert_eq!(cannot, Err(SessionError::Unavailable));
        cluster.database.restart().await.unwrap();
        eventually("the database answers again", async || {
            cluster.replicas[0].view(&id).await.is_ok()
        })
        .await;
        cluster.replicas[0].end(&id, &request("y")).await.unwrap();
        cluster.assert_rejected(&id, Duration::from_millis(100)).await;
    })
    .await;
}

#[tokio::test]
async fn cached_session_is_answered_while_database_is_paused() {
    let idle = Duration::from_secs(10);
    on_each(SessionLimits { idle, ..LIMITS }, async |cluster| {
        if cluster.database.state() == State::External {
            return;
        }
        let id = cluster.log_in_everywhere().await;
        cluster.database.pause().await.unwrap();
        // By now the use would have to be written to the database.
        tokio::time::sleep(
            idle / USE_WRITES_PER_IDLE_TIMEOUT + Duration::from_millis(100),
        )
        .await;
        let started = Instant::now();
        let asked = join_all((0..20).map(|_| cluster.touch_everywhere(&id))).await;
        assert!(asked.into_iter().flatten().all(|one| one == Ok(alice())));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        cluster.database.resume().await.unwrap();
    })
    .await;
}
