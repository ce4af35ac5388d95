//! What still works when Redis or the truth is away, and what says that it cannot know.

use super::super::*;
use super::world::{LIMITS, World, alice, on_each, request, until};
use backing_services::State;
use cache::BreakerState;
use futures_util::future::join_all;
use std::time::Instant;

#[tokio::test]
async fn without_redis_everything_works_and_with_it_again_it_is_used_again() {
    on_each(LIMITS, async |world| {
        world.redis.kill9().await.unwrap();
        let id = world.log_in_everywhere().await;
        world.replicas[1].add_file(&id, "a.txt").await.unwrap();
        assert_eq!(world.replicas[2].view(&id).await.unwrap().files, ["a.txt"]);
        let other = world.log_in().await;
        world.replicas[1].end(&other, &request("logout")).await.unwrap();
        world.is_dead(&other, Duration::from_millis(50)).await;

        world.redis.restart().await.unwrap();
        for replica in &world.replicas {
            until("its breaker is closed", async || {
                replica.cache.breaker_state() == BreakerState::Closed
            })
            .await;
        }
        world.is_dead(&other, Duration::from_millis(50)).await;
        assert_eq!(world.asked_everywhere(&id).await, vec![Ok(alice()); 3]);
        let cached: String =
            world.say(&["GET", &format!("session:{}", id.proof())]).await;
        assert!(cached.contains("alice"));
    })
    .await;
}

#[tokio::test]
async fn while_redis_sleeps_requests_are_answered_quickly() {
    on_each(LIMITS, async |world| {
        let id = world.log_in_everywhere().await;
        world.redis.pause().await.unwrap();
        let replica = &world.replicas[0];
        until("the breaker is open", async || {
            replica.cache.breaker_state() == BreakerState::Open
        })
        .await;
        let begun = Instant::now();
        let asked = join_all((0..200).map(|_| replica.touch(&id))).await;
        assert!(asked.iter().all(|one| *one == Ok(alice())));
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        world.redis.resume().await.unwrap();
    })
    .await;
}

/// No more truth: the server is stopped, or the file is closed.
async fn take_the_truth_away(world: &World) {
    if world.database.state() == State::External {
        for replica in &world.replicas {
            replica.records.close().await;
        }
    } else {
        world.database.kill9().await.unwrap();
    }
}

#[tokio::test]
async fn without_the_truth_what_redis_knows_is_answered_and_the_rest_cannot_be_known() {
    on_each(LIMITS, async |world| {
        let (id, forgotten) = (world.log_in_everywhere().await, world.log_in().await);
        world.say::<()>(&["DEL", &format!("session:{}", forgotten.proof())]).await;
        take_the_truth_away(&world).await;
        let mut asks = world.replicas[1].clone();
        asks.always_asked = 1;
        assert_eq!(
            asks.touch(&id).await,
            Ok(alice()),
            "that it cannot be compared is no no"
        );
        assert_eq!(world.asked_everywhere(&id).await, vec![Ok(alice()); 3]);
        let cannot_know = Some(SessionError::CannotKnow);
        let begun = Instant::now();
        let replica = &world.replicas[0];
        let (unknown, epoch) = (SessionId::random(), 0);
        assert_eq!(replica.touch(&forgotten).await.err(), cannot_know);
        assert_eq!(replica.peek(&unknown).await.err(), cannot_know);
        assert_eq!(replica.view(&id).await.err(), cannot_know);
        assert_eq!(replica.add_file(&id, "a").await.err(), cannot_know);
        assert_eq!(replica.end(&id, &request("x")).await.err(), cannot_know);
        let start = replica.start(&alice(), epoch, &request("x")).await;
        assert_eq!(start.err(), cannot_know);
        assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
        assert_eq!(world.asked_everywhere(&id).await, vec![Ok(alice()); 3]);
    })
    .await;
}

#[tokio::test]
async fn when_the_truth_is_back_sessions_go_on_and_can_be_ended() {
    on_each(LIMITS, async |world| {
        if world.database.state() == State::External {
            return;
        }
        let id = world.log_in_everywhere().await;
        world.database.kill9().await.unwrap();
        let cannot = world.replicas[0].end(&id, &request("x")).await;
        assert_eq!(cannot, Err(SessionError::CannotKnow));
        world.database.restart().await.unwrap();
        until("the truth is asked again", async || {
            world.replicas[0].view(&id).await.is_ok()
        })
        .await;
        world.replicas[0].end(&id, &request("y")).await.unwrap();
        world.is_dead(&id, Duration::from_millis(100)).await;
    })
    .await;
}

#[tokio::test]
async fn while_the_truth_sleeps_a_session_that_redis_knows_is_answered_without_it() {
    let idle = Duration::from_secs(10);
    on_each(SessionLimits { idle, ..LIMITS }, async |world| {
        if world.database.state() == State::External {
            return;
        }
        let id = world.log_in_everywhere().await;
        world.database.pause().await.unwrap();
        // By now the truth would have to be told of the use.
        tokio::time::sleep(idle / IDLE_SHARE + Duration::from_millis(100)).await;
        let begun = Instant::now();
        let asked = join_all((0..50).map(|_| world.asked_everywhere(&id))).await;
        assert!(asked.into_iter().flatten().all(|one| one == Ok(alice())));
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        world.database.resume().await.unwrap();
    })
    .await;
}
