//! A Postgres that crashes, restarts or stops answering: no acknowledged row is lost, no
//! request waits long, and no program has to be restarted.

use crate::seed::{add_accounts, audited_requests, in_org_of, write};
use crate::store::{Store, private_postgres};
use backing_services::Service;
use records::{PoolLimits, Records, RecordsError};
use sqlx::{Connection, Executor};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Maximum time to recover after the database is back (section `reliability` of the
/// requirements).
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(10);

async fn own_server() -> Option<(Service, Records)> {
    let server = private_postgres().await?;
    let app_url = Records::migrate(&server.url).await.unwrap().app_url;
    let records = Records::open(&app_url, PoolLimits::default()).await.unwrap();
    Some((server, records))
}

/// Writes until one is acknowledged. Every other outcome must be a temporary error.
async fn write_until_acknowledged(records: &Records, request: &str) {
    let began = Instant::now();
    while let Err(error) = write(records, request).await {
        let is_temporary =
            matches!(error, RecordsError::Unavailable(_) | RecordsError::InDoubt(_));
        assert!(is_temporary, "{error:?}");
        assert!(began.elapsed() < RECOVERY_TIMEOUT, "no recovery: {error:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn assert_all(found: &[String], acknowledged: &[String]) {
    for request in acknowledged {
        assert!(found.contains(request), "{request} was acknowledged and is lost");
    }
}

async fn accounts(records: &Records) {
    let accounts = crate::seed::accounts();
    crate::seed::run!(
        records,
        records::Scope::Housekeeping,
        |tx| records::users::import(tx, &accounts, 1)
    )
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn database_crash_loses_no_acknowledged_row() {
    let Some((server, records)) = own_server().await else { return };
    accounts(&records).await;
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        for number in 0..20 {
            let request = format!("{round}-{number}");
            write_until_acknowledged(&records, &request).await;
            acknowledged.push(request);
        }
        match round {
            0 => kill_a_backend(&records).await,
            1 => {
                server.kill9().await.unwrap();
                let error = write(&records, "while it is down").await.unwrap_err();
                assert!(matches!(error, RecordsError::Unavailable(_)), "{error:?}");
                server.restart().await.unwrap();
            }
            _ => server.restart().await.unwrap(),
        }
    }
    write_until_acknowledged(&records, "last").await;
    assert_all(&audited_requests(&records).await, &acknowledged);
}

/// Postgres treats this as corrupted memory and restarts all of its processes.
async fn kill_a_backend(records: &Records) {
    let pid = records.run(in_org_of("alice"), |tx| {
        Box::pin(async move {
            let pid = sqlx::query_scalar("SELECT pg_backend_pid()::bigint");
            Ok(pid.fetch_one(tx).await?)
        })
    });
    let pid: i64 = pid.await.unwrap();
    let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_database_fails_requests_within_the_timeout() {
    let Some((server, records)) = own_server().await else { return };
    accounts(&records).await;
    write(&records, "before").await.unwrap();
    server.pause().await.unwrap();
    for _ in 0..12 {
        let began = Instant::now();
        let error = write(&records, "unknown").await.unwrap_err();
        assert!(matches!(error, RecordsError::Unavailable(_)), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
    server.resume().await.unwrap();
    write_until_acknowledged(&records, "after").await;
    let found = audited_requests(&records).await;
    assert_all(&found, &["before".to_owned(), "after".to_owned()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_transaction_is_rolled_back() {
    let Some((server, records)) = own_server().await else { return };
    accounts(&records).await;
    let row = crate::seed::audit_row("t1", "cut off");
    let (inside, paused) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (is_inside, is_paused) = (Arc::clone(&inside), Arc::clone(&paused));
    let work = records.run(in_org_of("alice"), move |tx| {
        Box::pin(async move {
            inside.notify_one();
            is_paused.notified().await;
            records::audit::write(tx, &row).await
        })
    });
    let pause = async {
        is_inside.notified().await;
        server.pause().await.unwrap();
        paused.notify_one();
        Instant::now()
    };
    let (outcome, began) = tokio::join!(work, pause);
    assert!(matches!(outcome, Err(RecordsError::Unavailable(_))), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    server.resume().await.unwrap();
    write_until_acknowledged(&records, "after").await;
    assert_eq!(audited_requests(&records).await, ["after"]);
}

/// A trigger delays the commit until the database is killed.
const SLOW_COMMIT: &str = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
     'BEGIN PERFORM pg_sleep(2); RETURN NULL; END'; \
     CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED \
     FOR EACH ROW EXECUTE FUNCTION slow()";

#[tokio::test(flavor = "multi_thread")]
async fn only_unanswered_commit_is_in_doubt() {
    let Some((server, records)) = own_server().await else { return };
    accounts(&records).await;
    let mut owner = sqlx::AnyConnection::connect(&server.url).await.unwrap();
    owner.execute(SLOW_COMMIT).await.unwrap();
    let (sent, killed) = tokio::join!(write(&records, "in doubt"), async {
        let committing = "SELECT COUNT(*) FROM pg_stat_activity WHERE query = 'COMMIT' \
             AND state = 'active'";
        let began = Instant::now();
        while sqlx::query_scalar::<_, i64>(committing)
            .fetch_one(&mut owner)
            .await
            .unwrap()
            == 0
        {
            assert!(began.elapsed() < RECOVERY_TIMEOUT, "no commit is running");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server.kill9().await
    });
    killed.unwrap();
    assert!(matches!(sent, Err(RecordsError::InDoubt(_))), "{sent:?}");
    let unsent = write(&records, "never sent").await.unwrap_err();
    assert!(!unsent.may_be_committed(), "{unsent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn excess_requests_queue_for_a_connection() {
    let Some(store) = Store::postgres().await else { return };
    add_accounts(&store).await;
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..100 {
        let records = store.records.clone();
        requests
            .spawn(async move { write(&records, &number.to_string()).await.unwrap() });
    }
    requests.join_all().await;
    let connections: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND usename = 'upload_app'",
    )
    .fetch_one(&mut store.owner().await)
    .await
    .unwrap();
    // Eight for requests, and the one of the poller, which is open from the start.
    assert!(connections <= 9, "{connections} connections");
    assert_eq!(audited_requests(&store.records).await.len(), 100);
}
