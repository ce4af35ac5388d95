//! A logout is final: against slow requests, an emptied Redis, and a Redis that sleeps.

use super::super::*;
use super::world::{LIMITS, World, alice, on_each, request, until};
use crate::audit::AuditContext;
use crate::faults::cuttable;
use crate::hearsay::KNOWN_AFTER;
use records::{Scope, sessions, users};
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test]
async fn a_request_that_is_slower_than_a_logout_brings_nothing_back() {
    on_each(LIMITS, async |world| {
        for flushed in [false, true] {
            let id = world.log_in().await;
            let (proof, slow) = (id.proof(), &world.replicas[1]);
            world.say::<()>(&["FLUSHALL"]).await;
            let asked = slow.cache.use_session::<Copied>(&proof, LIMITS.idle).await;
            let Ok(Found::Nothing { now }) = asked else { panic!("{asked:?}") };
            let read = slow.truth.read(&proof, Asked::Use).await.unwrap();
            let sessions::Found::Live(read) = read else { panic!("{read:?}") };

            world.replicas[0].end(&id, &request("logout")).await.unwrap();
            if flushed {
                world.say::<()>(&["FLUSHALL"]).await;
            }
            let filled = slow.truth.fill(&read, now, true).await.unwrap();
            let refused =
                if flushed { cache::Filled::Late } else { cache::Filled::Ended };
            assert_eq!(filled, refused);
            world.is_dead(&id, Duration::from_millis(200)).await;
        }
    })
    .await;
}

/// Asks for a session at all replicas, and empties Redis now and then, until told to stop.
async fn hammer(world: &World, id: &SessionId, flushes: bool, stop: &AtomicBool) {
    let mut round = 0;
    while !stop.load(Ordering::SeqCst) {
        let _alive_or_not = world.asked_everywhere(id).await;
        round += 1;
        if flushes && round % 7 == 0 {
            world.say::<()>(&["FLUSHALL"]).await;
        }
    }
}

#[tokio::test]
async fn a_logout_amid_requests_at_all_replicas_is_final() {
    on_each(LIMITS, async |world| {
        for round in 0..10 {
            let (id, stop) = (world.log_in_everywhere().await, AtomicBool::new(false));
            let logout = async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                world.replicas[round % 3].end(&id, &request("logout")).await.unwrap();
                world.is_dead(&id, Duration::from_millis(100)).await;
                stop.store(true, Ordering::SeqCst);
            };
            let flushes = round % 2 == 1;
            tokio::join!(
                logout,
                hammer(&world, &id, flushes, &stop),
                hammer(&world, &id, false, &stop),
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_logout_while_redis_sleeps_is_final_on_all_replicas_when_it_wakes() {
    on_each(LIMITS, async |world| {
        for asleep_before in [0, 800] {
            let id = world.log_in_everywhere().await;
            world.redis.pause().await.unwrap();
            tokio::time::sleep(Duration::from_millis(asleep_before)).await;
            world.replicas[0].end(&id, &request("logout")).await.unwrap();
            world.redis.resume().await.unwrap();
            world.is_dead(&id, Duration::from_secs(3)).await;
            let key = format!("session:{}", id.proof());
            until("the tombstone is written", async || {
                world.say::<Option<String>>(&["GET", &key]).await.as_deref()
                    == Some("ended")
            })
            .await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_logout_just_before_redis_is_killed_is_final_when_it_is_back() {
    on_each(LIMITS, async |world| {
        let id = world.log_in_everywhere().await;
        world.redis.kill9().await.unwrap();
        world.replicas[0].end(&id, &request("logout")).await.unwrap();
        world.is_dead(&id, Duration::from_millis(100)).await;
        world.redis.restart().await.unwrap();
        world.is_dead(&id, Duration::from_secs(3)).await;
    })
    .await;
}

#[tokio::test]
async fn a_logout_at_a_replica_that_is_cut_off_from_redis_and_dies_is_known_when_answered()
 {
    on_each(LIMITS, async |world| {
        let (url, cut) = cuttable(&world.redis.url).await;
        let lonely = world.replica(&url).await;
        let id = world.log_in_everywhere().await;
        assert_eq!(lonely.touch(&id).await, Ok(alice()));
        cut.send(true).unwrap();
        // The request may have come long before its transaction began.
        let slow = AuditContext { at: now() - 3_600_000, ..request("logout") };
        lonely.end(&id, &slow).await.unwrap();
        drop(lonely);
        world.is_dead(&id, Duration::from_millis(500)).await;
    })
    .await;
}

/// Replicas that were stopped for a while, or whose records are slow.
#[tokio::test]
async fn replicas_that_have_heard_nothing_lately_ask_the_truth() {
    on_each(LIMITS, async |world| {
        let id = world.log_in_everywhere().await;
        let proof = id.proof();
        world.replicas.iter().for_each(|replica| replica.hearsay.stop());
        let revoked = world.records.run(Scope::Proof(proof.clone()), move |tx| {
            Box::pin(async move { sessions::revoke(tx, &proof, now()).await })
        });
        assert!(revoked.await.unwrap());
        assert_eq!(
            world.replicas[0].peek(&id).await,
            Ok(alice()),
            "only Redis was asked"
        );
        tokio::time::sleep(KNOWN_AFTER).await;
        assert_eq!(world.replicas[0].peek(&id).await, Err(SessionError::Unknown));
    })
    .await;
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_sessions_on_all_replicas_at_once() {
    on_each(LIMITS, async |world| {
        let ids = [world.log_in_everywhere().await, world.log_in_everywhere().await];
        let (organisation, username) = (alice().organisation, alice().username);
        let scope = Scope::Organisation(organisation.clone());
        let out = world.records.run(scope, move |tx| {
            Box::pin(async move {
                users::sign_out_everywhere(tx, &organisation, &username, now()).await
            })
        });
        let out = out.await.unwrap().expect("alice");
        assert_eq!(out.sessions.len(), 2);
        world.replicas[2].forget(out.sessions).await;
        for id in &ids {
            world.is_dead(id, Duration::from_millis(100)).await;
        }
        let stale = world.replicas[0].start(&alice(), out.epoch - 1, &request("x")).await;
        assert_eq!(
            stale.err(),
            Some(SessionError::Unknown),
            "the password was checked before"
        );
    })
    .await;
}

#[tokio::test]
async fn a_second_logout_finds_nothing_and_one_of_two_at_once_succeeds() {
    on_each(LIMITS, async |world| {
        let id = world.log_in_everywhere().await;
        let (one, other) = (request("one"), request("other"));
        let ends = tokio::join!(
            world.replicas[0].end(&id, &one),
            world.replicas[1].end(&id, &other)
        );
        assert!(matches!(
            ends,
            (Ok(()), Err(SessionError::Unknown)) | (Err(SessionError::Unknown), Ok(()))
        ));
        let again = world.replicas[2].end(&id, &request("again")).await;
        assert_eq!(again, Err(SessionError::Unknown));
        let late = world.replicas[2].add_file(&id, "late.txt").await;
        assert_eq!(late, Err(SessionError::Unknown));
    })
    .await;
}
