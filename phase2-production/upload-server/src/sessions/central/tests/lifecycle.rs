//! Birth, growth and expiry, seen from three replicas.

use super::super::*;
use super::cluster::{LIMITS, alice, eventually, on_each, request};
use futures_util::future::join_all;
use records::{Scope, audit, sessions};

#[tokio::test]
async fn login_on_one_replica_is_valid_on_all() {
    on_each(LIMITS, async |cluster| {
        let id = cluster.log_in_everywhere().await;
        let seen = cluster.replicas[2].view(&id).await.unwrap();
        assert!(seen.time_left <= LIMITS.idle && seen.time_left > LIMITS.idle / 2);
        assert_eq!(cluster.replicas[1].peek(&id).await, Ok(alice()));
        let cached: String =
            cluster.redis_command(&["GET", &format!("d:session:{}", id.hash())]).await;
        assert!(!cached.contains(id.secret().expose()), "Redis stores the id itself");
    })
    .await;
}

#[tokio::test]
async fn fifty_concurrent_uploads_leave_fifty_names_in_the_session() {
    on_each(LIMITS, async |cluster| {
        for flushed in [false, true] {
            let id = cluster.log_in_everywhere().await;
            let uploads = (0..50).map(|n| {
                let (cluster, id, replica) = (&cluster, &id, &cluster.replicas[n % 3]);
                async move {
                    assert_eq!(replica.touch(id).await, Ok(alice()));
                    if flushed && n == 25 {
                        cluster.redis_command::<()>(&["FLUSHALL"]).await;
                    }
                    replica.add_file(id, &format!("{n}.txt")).await.unwrap();
                }
            });
            join_all(uploads).await;
            for replica in &cluster.replicas {
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
async fn idle_timeout_restarts_on_use_and_survives_redis_data_loss() {
    on_each(SHORT, async |cluster| {
        let id = cluster.log_in().await;
        let kept_alive = std::time::Instant::now();
        while kept_alive.elapsed() < SHORT.idle * 3 / 2 {
            assert_eq!(cluster.replicas[1].touch(&id).await, Ok(alice()));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        cluster.redis_command::<()>(&["FLUSHALL"]).await;
        assert_eq!(cluster.touch_everywhere(&id).await, vec![Ok(alice()); 3]);
        cluster.redis_command::<()>(&["FLUSHALL"]).await;
        tokio::time::sleep(SHORT.idle + SHORT.idle / USE_WRITES_PER_IDLE_TIMEOUT).await;
        for asked in cluster.touch_everywhere(&id).await {
            assert_eq!(asked, Err(SessionError::Expired));
        }
    })
    .await;
}

#[tokio::test]
async fn peek_does_not_restart_the_idle_timeout() {
    on_each(SHORT, async |cluster| {
        let id = cluster.log_in().await;
        let started = std::time::Instant::now();
        while started.elapsed() < SHORT.idle * 5 / 4 {
            let _alive_or_not = cluster.replicas[0].peek(&id).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(cluster.replicas[1].touch(&id).await, Err(SessionError::Expired));
    })
    .await;
}

#[tokio::test]
async fn busy_session_expires_at_its_absolute_timeout() {
    let limits = SessionLimits { absolute: Duration::from_secs(2), ..SHORT };
    on_each(limits, async |cluster| {
        let started = std::time::Instant::now();
        let id = cluster.log_in().await;
        let mut died = None;
        while started.elapsed() < limits.absolute * 2 {
            let asked = cluster.replicas[1].touch(&id).await;
            match (asked, died) {
                (Ok(_), None) => {}
                (Err(SessionError::Expired), _) => {
                    died = died.or_else(|| Some(started.elapsed()));
                }
                other => panic!("{other:?} after {:?}", started.elapsed()),
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
async fn concurrent_logins_respect_the_session_limit_per_account() {
    on_each(LIMITS, async |cluster| {
        let epoch = cluster.epoch().await;
        let logins = (0..12).map(|n| {
            let replica = cluster.replicas[n % 3].clone();
            async move { replica.start(&alice(), epoch, &request("login")).await.unwrap() }
        });
        let ids = join_all(logins).await;
        let mut alive = 0;
        for id in &ids {
            let asked = cluster.touch_everywhere(id).await;
            assert!(asked.iter().all(|one| *one == asked[0]), "the replicas disagree");
            alive += usize::from(asked[0].is_ok());
        }
        assert_eq!(alive, 3);
    })
    .await;
}

#[tokio::test]
async fn invented_ids_leave_nothing_in_redis() {
    on_each(LIMITS, async |cluster| {
        cluster.log_in_everywhere().await;
        let before: i64 = cluster.redis_command(&["DBSIZE"]).await;
        for _ in 0..20 {
            let asked = cluster.touch_everywhere(&SessionId::random()).await;
            assert_eq!(asked, vec![Err(SessionError::Unknown); 3]);
        }
        assert_eq!(cluster.redis_command::<i64>(&["DBSIZE"]).await, before);
    })
    .await;
}

#[tokio::test]
async fn audit_log_records_birth_and_death_with_request_ids() {
    on_each(LIMITS, async |cluster| {
        let id = cluster.log_in().await;
        cluster.replicas[1].end(&id, &request("logout")).await.unwrap();
        let organisation = alice().organisation;
        let scope = Scope::Organisation(organisation.clone());
        let rows = cluster.records.run(scope, move |tx| {
            Box::pin(async move { audit::list(tx, &organisation, 10, None).await })
        });
        let rows = rows.await.unwrap();
        let actions: Vec<_> = rows
            .iter()
            .map(|row| (&*row.action, &*row.request_id, &*row.actor))
            .collect();
        assert_eq!(
            actions,
            [("session.ended", "logout", "alice"), ("session.started", "login", "alice")]
        );
    })
    .await;
}

#[tokio::test]
async fn sampled_reads_detect_a_revocation_missing_in_redis() {
    on_each(LIMITS, async |cluster| {
        let mut verifying = cluster.replicas[1].clone();
        verifying.verify_one_in = 1;
        let id = cluster.log_in_everywhere().await;
        let session_id_hash = id.hash();
        let revoked = cluster.records.run(
            Scope::CredentialHash(session_id_hash.clone()),
            move |tx| {
                Box::pin(
                    async move { sessions::revoke(tx, &session_id_hash, now()).await },
                )
            },
        );
        assert!(revoked.await.unwrap());
        assert_eq!(verifying.touch(&id).await, Err(SessionError::Unknown));
        eventually("all replicas reject it", async || {
            let asked = cluster.touch_everywhere(&id).await;
            asked == vec![Err(SessionError::Unknown); 3]
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn one_sweep_removes_exactly_the_ended_sessions() {
    on_each(LIMITS, async |cluster| {
        let id = cluster.log_in().await;
        let long_ago = now() - 2 * milliseconds(LIMITS.absolute);
        let batches = i64::try_from(2 * sessions::SWEEP_BATCH_SIZE + 500).unwrap();
        let scope = Scope::Organisation(alice().organisation);
        let died = cluster.records.run(scope, move |tx| {
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
        cluster.replicas[0].sweep().await;
        let remaining = cluster.records.run(Scope::Housekeeping, |tx| {
            Box::pin(async move { sessions::sweep(tx, now()).await })
        });
        assert_eq!(remaining.await.unwrap(), 0);
        assert_eq!(cluster.replicas[1].touch(&id).await, Ok(alice()));
    })
    .await;
}
