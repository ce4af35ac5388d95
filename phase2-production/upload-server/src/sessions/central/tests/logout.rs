//! A logout is final: against slow requests, an emptied Redis, and a paused Redis.

use super::super::*;
use super::cluster::{LIMITS, TestCluster, alice, eventually, on_each, request};
use crate::audit::AuditContext;
use crate::faults::cuttable_proxy;
use crate::revocation_feed::MAX_PROPAGATION_DELAY;
use records::{Scope, sessions, users};
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test]
async fn slow_request_does_not_undo_a_logout() {
    on_each(LIMITS, async |cluster| {
        for flushed in [false, true] {
            let id = cluster.log_in().await;
            let (session_id_hash, slow) = (id.hash(), &cluster.replicas[1]);
            cluster.redis_command::<()>(&["FLUSHALL"]).await;
            let asked = slow
                .cache
                .use_session::<CachedSession>(&session_id_hash, LIMITS.idle)
                .await;
            let Ok(Found::Miss { now, .. }) = asked else { panic!("{asked:?}") };
            let lookup = Lookup { access: Access::Use, in_redis: InRedis::Nothing };
            let read_at = crate::clock::now();
            let read =
                slow.database.read(&session_id_hash, lookup, read_at).await.unwrap();
            let sessions::Found::Live(read) = read else { panic!("{read:?}") };

            cluster.replicas[0].end(&id, &request("logout")).await.unwrap();
            if flushed {
                cluster.redis_command::<()>(&["FLUSHALL"]).await;
            }
            let filled = slow.database.fill(&read, now, read_at).await.unwrap();
            // On a busy machine a call of this replica may have failed since the read.
            let refused = filled == cache::Filled::Outdated
                || !flushed && filled == cache::Filled::Ended;
            assert!(refused, "{filled:?}");
            cluster.assert_rejected(&id, Duration::from_millis(200)).await;
        }
    })
    .await;
}

/// Requests the session at all replicas, and empties Redis at times, until stopped.
async fn request_repeatedly(
    cluster: &TestCluster,
    id: &SessionId,
    flushes: bool,
    stop: &AtomicBool,
) {
    let mut round = 0;
    while !stop.load(Ordering::SeqCst) {
        let _alive_or_not = cluster.touch_everywhere(id).await;
        round += 1;
        if flushes && round % 7 == 0 {
            cluster.redis_command::<()>(&["FLUSHALL"]).await;
        }
    }
}

#[tokio::test]
async fn logout_during_requests_on_all_replicas_is_final() {
    on_each(LIMITS, async |cluster| {
        for round in 0..10 {
            let (id, stop) = (cluster.log_in_everywhere().await, AtomicBool::new(false));
            let logout = async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                cluster.replicas[round % 3].end(&id, &request("logout")).await.unwrap();
                cluster.assert_rejected(&id, Duration::from_millis(100)).await;
                stop.store(true, Ordering::SeqCst);
            };
            let flushes = round % 2 == 1;
            tokio::join!(
                logout,
                request_repeatedly(&cluster, &id, flushes, &stop),
                request_repeatedly(&cluster, &id, false, &stop),
            );
        }
    })
    .await;
}

#[tokio::test]
async fn logout_while_redis_is_paused_is_final_after_resume() {
    on_each(LIMITS, async |cluster| {
        for asleep_before in [0, 800] {
            let id = cluster.log_in_everywhere().await;
            cluster.redis.pause().await.unwrap();
            tokio::time::sleep(Duration::from_millis(asleep_before)).await;
            cluster.replicas[0].end(&id, &request("logout")).await.unwrap();
            cluster.redis.resume().await.unwrap();
            cluster.assert_rejected(&id, Duration::from_secs(3)).await;
            let key = format!("d:session:{}", id.hash());
            eventually("the tombstone is written", async || {
                cluster.redis_command::<Option<String>>(&["GET", &key]).await.as_deref()
                    == Some("ended")
            })
            .await;
        }
    })
    .await;
}

#[tokio::test]
async fn logout_while_redis_is_down_is_final_after_restart() {
    on_each(LIMITS, async |cluster| {
        let id = cluster.log_in_everywhere().await;
        cluster.redis.kill9().await.unwrap();
        cluster.replicas[0].end(&id, &request("logout")).await.unwrap();
        cluster.assert_rejected(&id, Duration::from_millis(100)).await;
        cluster.redis.restart().await.unwrap();
        cluster.assert_rejected(&id, Duration::from_secs(3)).await;
    })
    .await;
}

#[tokio::test]
async fn logout_on_replica_without_redis_is_effective_when_acknowledged() {
    on_each(LIMITS, async |cluster| {
        let (url, cut) = cuttable_proxy(&cluster.redis.url).await;
        let isolated = cluster.replica(&url).await;
        let id = cluster.log_in_everywhere().await;
        assert_eq!(isolated.touch(&id).await, Ok(alice()));
        cut.send(true).unwrap();
        // The request may have arrived long before its transaction began.
        let slow = AuditContext { at: now() - 3_600_000, ..request("logout") };
        isolated.end(&id, &slow).await.unwrap();
        drop(isolated);
        cluster.assert_rejected(&id, Duration::from_millis(500)).await;
    })
    .await;
}

/// As on paused replicas, or on replicas with a slow database.
#[tokio::test]
async fn lagging_replicas_ask_the_database() {
    on_each(LIMITS, async |cluster| {
        let id = cluster.log_in_everywhere().await;
        let session_id_hash = id.hash();
        cluster.replicas.iter().for_each(|replica| replica.revocation_feed.stop());
        let revoked = cluster.records.run(
            Scope::CredentialHash(session_id_hash.clone()),
            move |tx| {
                Box::pin(
                    async move { sessions::revoke(tx, &session_id_hash, now()).await },
                )
            },
        );
        assert!(revoked.await.unwrap());
        assert_eq!(
            cluster.replicas[0].peek(&id).await,
            Ok(alice()),
            "the cache alone answers"
        );
        tokio::time::sleep(MAX_PROPAGATION_DELAY).await;
        assert_eq!(cluster.replicas[0].peek(&id).await, Err(SessionError::Unknown));
    })
    .await;
}

#[tokio::test]
async fn sign_out_everywhere_ends_all_sessions_on_all_replicas() {
    on_each(LIMITS, async |cluster| {
        let ids = [cluster.log_in_everywhere().await, cluster.log_in_everywhere().await];
        let (organisation, username) = (alice().organisation, alice().username);
        let scope = Scope::Organisation(organisation.clone());
        let out = cluster.records.run(scope, move |tx| {
            Box::pin(async move {
                users::sign_out_everywhere(tx, &organisation, &username, now()).await
            })
        });
        let out = out.await.unwrap().expect("alice");
        assert_eq!(out.sessions.len(), 2);
        cluster.replicas[2].publish_revocations(out.sessions).await.unwrap();
        for id in &ids {
            cluster.assert_rejected(id, Duration::from_millis(100)).await;
        }
        let stale =
            cluster.replicas[0].start(&alice(), out.epoch - 1, &request("x")).await;
        assert_eq!(
            stale.err(),
            Some(SessionError::Unknown),
            "the account changed after the password check"
        );
    })
    .await;
}

#[tokio::test]
async fn only_one_of_several_logouts_succeeds() {
    on_each(LIMITS, async |cluster| {
        let id = cluster.log_in_everywhere().await;
        let (one, other) = (request("one"), request("other"));
        let ends = tokio::join!(
            cluster.replicas[0].end(&id, &one),
            cluster.replicas[1].end(&id, &other)
        );
        assert!(matches!(
            ends,
            (Ok(()), Err(SessionError::Unknown)) | (Err(SessionError::Unknown), Ok(()))
        ));
        let again = cluster.replicas[2].end(&id, &request("again")).await;
        assert_eq!(again, Err(SessionError::Unknown));
        let late = cluster.replicas[2].add_file(&id, "late.txt").await;
        assert_eq!(late, Err(SessionError::Unknown));
    })
    .await;
}
