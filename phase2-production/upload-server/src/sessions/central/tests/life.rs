//! Birth, growth and old age, seen from three replicas.

use super::super::*;
use super::world::{LIMITS, alice, on_each, request, until};
use futures_util::future::join_all;
use records::{Scope, audit, sessions};

#[tokio::test]
async fn who_logs_in_at_one_replica_is_known_at_all_of_them() {
    on_each(LIMITS, async |world| {
        let id = world.log_in_everywhere().await;
        let seen = world.replicas[2].view(&id).await.unwrap();
        assert!(seen.time_left <= LIMITS.idle && seen.time_left > LIMITS.idle / 2);
        assert_eq!(world.replicas[1].peek(&id).await, Ok(alice()));
        let cached: String =
            world.say(&["GET", &format!("session:{}", id.proof())]).await;
        assert!(!cached.contains(id.secret().expose()), "the id itself is kept nowhere");
    })
    .await;
}

#[tokio::test]
async fn fifty_uploads_at_once_over_three_replicas_leave_fifty_names() {
    on_each(LIMITS, async |world| {
        for flushed in [false, true] {
            let id = world.log_in_everywhere().await;
            let uploads = (0..50).map(|n| {
                let (world, id, replica) = (&world, &id, &world.replicas[n % 3]);
                async move {
                    assert_eq!(replica.touch(id).await, Ok(alice()));
                    if flushed && n == 25 {
                        world.say::<()>(&["FLUSHALL"]).await;
                    }
                    replica.add_file(id, &format!("{n}.txt")).await.unwrap();
                }
            });
            join_all(uploads).await;
            for replica in &world.replicas {
                let mut files = replica.view(&id).await.unwrap().files;
                files.sort_unstable();
                let mut all: Vec<_> = (0..50).map(|n| format!("{n}.txt")).collect();
                all.sort_unstable();
                assert_eq!(files, all);
            }
        }
    })
    .await;
}

const SHORT: SessionLimits = SessionLimits {
    idle: Duration::from_millis(1500),
    absolute: Duration::from_secs(5),
    max_live: 10,
    max_per_user: 3,
};

#[tokio::test]
async fn use_slides_the_idle_time_and_losing_redis_does_not_lose_it() {
    on_each(SHORT, async |world| {
        let id = world.log_in().await;
        let kept_alive = std::time::Instant::now();
        while kept_alive.elapsed() < SHORT.idle * 3 / 2 {
            assert_eq!(world.replicas[1].touch(&id).await, Ok(alice()));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        world.say::<()>(&["FLUSHALL"]).await;
        assert_eq!(world.asked_everywhere(&id).await, vec![Ok(alice()); 3]);
        world.say::<()>(&["FLUSHALL"]).await;
        tokio::time::sleep(SHORT.idle + SHORT.idle / IDLE_SHARE).await;
        for asked in world.asked_everywhere(&id).await {
            assert_eq!(asked, Err(SessionError::Expired));
        }
    })
    .await;
}

#[tokio::test]
async fn a_look_is_no_use_and_silence_kills() {
    on_each(SHORT, async |world| {
        let id = world.log_in().await;
        let begun = std::time::Instant::now();
        while begun.elapsed() < SHORT.idle * 5 / 4 {
            let _alive_or_not = world.replicas[0].peek(&id).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(world.replicas[1].touch(&id).await, Err(SessionError::Expired));
    })
    .await;
}

#[tokio::test]
async fn no_session_outlives_its_absolute_end_however_busy_it_is() {
    let limits = SessionLimits { absolute: Duration::from_secs(2), ..SHORT };
    on_each(limits, async |world| {
        let begun = std::time::Instant::now();
        let id = world.log_in().await;
        let mut died = None;
        while begun.elapsed() < limits.absolute * 2 {
            let asked = world.replicas[1].touch(&id).await;
            match (asked, died) {
                (Ok(_), None) => {}
                (Err(SessionError::Expired), _) => {
                    died = died.or_else(|| Some(begun.elapsed()));
                }
                other => panic!("{other:?} after {:?}", begun.elapsed()),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let died = died.expect("it died");
        assert!(died >= limits.absolute - Duration::from_millis(50), "{died:?}");
        assert!(died < limits.absolute + Duration::from_millis(700), "{died:?}");
    })
    .await;
}

#[tokio::test]
async fn of_many_logins_at_once_no_more_stay_than_a_person_may_have() {
    on_each(LIMITS, async |world| {
        let epoch = world.epoch().await;
        let logins = (0..12).map(|n| {
            let replica = world.replicas[n % 3].clone();
            async move { replica.start(&alice(), epoch, &request("login")).await.unwrap() }
        });
        let ids = join_all(logins).await;
        let mut alive = 0;
        for id in &ids {
            let asked = world.asked_everywhere(id).await;
            assert!(asked.iter().all(|one| *one == asked[0]), "the replicas disagree");
            alive += usize::from(asked[0].is_ok());
        }
        assert_eq!(alive, 3);
    })
    .await;
}

#[tokio::test]
async fn ids_that_somebody_made_up_leave_nothing_in_redis() {
    on_each(LIMITS, async |world| {
        world.log_in_everywhere().await;
        let before: i64 = world.say(&["DBSIZE"]).await;
        for _ in 0..20 {
            let asked = world.asked_everywhere(&SessionId::random()).await;
            assert_eq!(asked, vec![Err(SessionError::Unknown); 3]);
        }
        assert_eq!(world.say::<i64>(&["DBSIZE"]).await, before);
    })
    .await;
}

#[tokio::test]
async fn birth_and_death_are_on_record_with_their_requests() {
    on_each(LIMITS, async |world| {
        let id = world.log_in().await;
        world.replicas[1].end(&id, &request("logout")).await.unwrap();
        let organisation = alice().organisation;
        let scope = Scope::Organisation(organisation.clone());
        let rows = world.records.run(scope, move |tx| {
            Box::pin(async move { audit::list(tx, &organisation, 10, None).await })
        });
        let rows = rows.await.unwrap();
        let deeds: Vec<_> = rows
            .iter()
            .map(|row| (&*row.action, &*row.request_id, &*row.actor))
            .collect();
        assert_eq!(
            deeds,
            [("session.ended", "logout", "alice"), ("session.started", "login", "alice")]
        );
    })
    .await;
}

#[tokio::test]
async fn the_few_reads_that_always_ask_the_truth_find_out_what_redis_does_not_know() {
    on_each(LIMITS, async |world| {
        let mut asks = world.replicas[1].clone();
        asks.always_asked = 1;
        let id = world.log_in_everywhere().await;
        let proof = id.proof();
        let revoked = world.records.run(Scope::Proof(proof.clone()), move |tx| {
            Box::pin(async move { sessions::revoke(tx, &proof, now()).await })
        });
        assert!(revoked.await.unwrap());
        assert_eq!(asks.touch(&id).await, Err(SessionError::Unknown));
        until("all know", async || {
            let asked = world.asked_everywhere(&id).await;
            asked == vec![Err(SessionError::Unknown); 3]
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn one_sweep_removes_all_the_dead_and_nobody_else() {
    on_each(LIMITS, async |world| {
        let id = world.log_in().await;
        let long_ago = now() - 2 * milliseconds(LIMITS.absolute);
        let batches = i64::try_from(2 * sessions::AT_ONCE + 500).unwrap();
        let scope = Scope::Organisation(alice().organisation);
        let died = world.records.run(scope, move |tx| {
            Box::pin(async move {
                let dead = "INSERT INTO sessions (session_id_hash, organisation, username, \
                            role, epoch, created_at, last_seen_at, expires_at, idle_ms) \
                            WITH RECURSIVE n (i) AS \
                              (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
                            SELECT $2 || (1000000 + i), 'main', 'alice', 'member', \
                              1, $3, $3, $3, 1 FROM n";
                let dead = sqlx::query(dead).bind(batches).bind("0".repeat(57));
                Ok(dead.bind(long_ago).execute(tx).await?.rows_affected())
            })
        });
        assert_eq!(died.await.unwrap(), u64::try_from(batches).unwrap());
        world.replicas[0].sweep().await;
        let left = world.records.run(Scope::Housekeeping, |tx| {
            Box::pin(async move { sessions::sweep(tx, now()).await })
        });
        assert_eq!(left.await.unwrap(), 0);
        assert_eq!(world.replicas[1].touch(&id).await, Ok(alice()));
    })
    .await;
}
