//! A client that disconnects at any moment does not lose another client's acknowledged
//! row.

use crate::seed::{add_accounts, audit_row, audited_requests, in_org_of, write};
use crate::store::{Store, on_both};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use records::{PoolLimits, Records, RecordsError, audit};
use sqlx::Executor;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::{Barrier, Notify};
use tokio::task::JoinSet;
use tokio::time::timeout;

on_both! {
    cancelled_requests_lose_no_acknowledged_row,
    failed_work_is_rolled_back,
    panic_is_rolled_back_and_reaches_the_caller,
}

/// Two rows in one transaction: both or none.
async fn pair(records: &Records, request_id: &str) -> Result<(), RecordsError> {
    let (first, second) = (audit_row("t1", request_id), audit_row("t1", request_id));
    let both = records.run(in_org_of("alice"), move |tx| {
        Box::pin(async move {
            audit::write(tx, &first).await?;
            audit::write(tx, &second).await
        })
    });
    both.await
}

async fn cancelled_requests_lose_no_acknowledged_row(store: Store) {
    add_accounts(&store).await;
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (polls, time) = measure_undisturbed(&store).await;
    let mut cancelled = 0;
    for number in 0..200 {
        let request = format!("cancelled-{number}");
        let request = pair(&store.records, &request);
        // Half of them are cancelled at a random time, half between any two polls.
        let done = if number % 2 == 0 {
            timeout(random.random_range(Duration::ZERO..time), request).await.ok()
        } else {
            poll_at_most(random.random_range(1..polls), request).await
        };
        cancelled += u32::from(done.is_none());
        if number % 10 == 9 {
            no_connection_is_idle_in_transaction(&store).await;
            on_every_connection(&store, &format!("checked-{number}")).await;
        }
    }
    store.records.close().await;
    let mut found: HashMap<String, u32> = HashMap::new();
    for request in audited_requests(&store.another().await).await {
        *found.entry(request).or_default() += 1;
    }
    let checked = found.iter().filter(|(request, _)| request.starts_with("checked"));
    assert_eq!(checked.count(), 20 * connections(&store), "of {cancelled} cancelled");
    assert!(cancelled > 20, "only {cancelled} were cancelled: the test is inconclusive");
    for (request, rows) in found {
        let whole = if request.starts_with("checked") { 1 } else { 2 };
        assert_eq!(rows, whole, "{request}");
    }
}

/// Number of polls and duration of a request that is not cancelled: the minimum of ten,
/// so that most of the requests cancelled earlier were not done.
async fn measure_undisturbed(store: &Store) -> (u32, Duration) {
    let (mut fewest, mut shortest) = (u32::MAX, Duration::MAX);
    for number in 0..10 {
        let name = format!("measure_undisturbed-{number}");
        let mut request = pin!(pair(&store.records, &name));
        let (mut polls, began) = (0, Instant::now());
        let done = poll_fn(|context| {
            polls += 1;
            request.as_mut().poll(context)
        });
        done.await.expect("acknowledged");
        (fewest, shortest) = (fewest.min(polls), shortest.min(began.elapsed()));
    }
    (fewest.max(2), shortest)
}

/// Polls a future `times` times, then drops it; `None` if it was not ready by then.
async fn poll_at_most<T>(mut times: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| {
        times -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if times == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn connections(store: &Store) -> usize {
    if store.records.is_postgres() { 8 } else { 1 }
}

/// Writes one acknowledged row on each connection of the pool: all are in use at the same
/// time.
async fn on_every_connection(store: &Store, request: &str) {
    let barrier = Arc::new(Barrier::new(connections(store)));
    let mut writers = JoinSet::new();
    for number in 0..connections(store) {
        let (records, barrier) = (store.records.clone(), Arc::clone(&barrier));
        let audit_row = audit_row("t1", &format!("{request}-{number}"));
        writers.spawn(async move {
            let write = records.run(in_org_of("alice"), move |tx| {
                Box::pin(async move {
                    barrier.wait().await;
                    audit::write(tx, &audit_row).await
                })
            });
            write.await.expect("acknowledged");
        });
    }
    writers.join_all().await;
}

/// No idle connection of the pool is inside a transaction. The wait is shorter than the
/// timeout after which Postgres would end such a transaction itself.
async fn no_connection_is_idle_in_transaction(store: &Store) {
    if !store.records.is_postgres() {
        return;
    }
    let mut owner = store.owner().await;
    let began = Instant::now();
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND state LIKE 'idle in transaction%'",
        )
        .fetch_one(&mut owner)
        .await
        .unwrap();
        if waiting == 0 {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{waiting} stay idle in a transaction"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn failed_work_is_rolled_back(store: Store) {
    add_accounts(&store).await;
    let row = audit_row("t1", "undone");
    let failed = store.records.run(in_org_of("alice"), move |tx| {
        Box::pin(async move {
            audit::write(tx, &row).await?;
            tx.execute("SELECT nonsense").await?;
            Ok(())
        })
    });
    assert!(matches!(failed.await, Err(RecordsError::Broken(_))));
    write(&store.records, "kept").await.unwrap();
    assert_eq!(audited_requests(&store.another().await).await, ["kept"]);
}

async fn panic_is_rolled_back_and_reaches_the_caller(store: Store) {
    add_accounts(&store).await;
    let (records, row) = (store.records.clone(), audit_row("t1", "undone"));
    let request = tokio::spawn(async move {
        let work = records.run(in_org_of("alice"), move |tx| {
            Box::pin(async move {
                audit::write(tx, &row).await?;
                panic!("a mistake")
            })
        });
        let done: Result<(), RecordsError> = work.await;
        done
    });
    assert!(request.await.unwrap_err().is_panic());
    for number in 0..10 {
        write(&store.records, &format!("kept-{number}")).await.unwrap();
    }
    assert_eq!(audited_requests(&store.another().await).await.len(), 10);
}

/// Postgres answers the COMMIT of a failed transaction with success.
#[tokio::test]
async fn ignored_error_is_not_acknowledged() {
    let Some(store) = Store::postgres().await else { return };
    add_accounts(&store).await;
    let row = audit_row("t1", "swallowed");
    let ignored = store.records.run(in_org_of("alice"), move |tx| {
        Box::pin(async move {
            audit::write(tx, &row).await?;
            let _ = tx.execute("SELECT nonsense").await;
            Ok(())
        })
    });
    assert!(matches!(ignored.await, Err(RecordsError::Broken(_))));
    assert_eq!(audited_requests(&store.records).await, Vec::<String>::new());
}

#[tokio::test]
async fn slow_transaction_is_ended() {
    let Some(store) = Store::postgres().await else { return };
    let limits = PoolLimits {
        connections: 1,
        acquire: Duration::from_secs(1),
        statement: Duration::from_secs(2),
        idle_in_transaction: Duration::from_millis(300),
    };
    let records = Records::open(&store.app_url, limits).await.unwrap();
    let slow = records.run(in_org_of("alice"), |tx| {
        Box::pin(async move { Ok(tx.execute("SELECT pg_sleep(20)").await.map(drop)?) })
    });
    assert!(matches!(slow.await, Err(RecordsError::Unavailable(_))));
    let taken = Arc::new(Notify::new());
    let has_taken = Arc::clone(&taken);
    let silent = records.run(in_org_of("alice"), |tx| {
        Box::pin(async move {
            // It holds the only connection, longer than both the idle timeout of Postgres
            // and the wait for a connection.
            has_taken.notify_one();
            tokio::time::sleep(Duration::from_millis(2500)).await;
            Ok(tx.execute("SELECT 1").await.map(drop)?)
        })
    });
    let (silent, waiting) = tokio::join!(silent, async {
        taken.notified().await;
        records.now().await
    });
    assert!(matches!(silent, Err(RecordsError::Unavailable(_))), "{silent:?}");
    assert!(
        matches!(waiting, Err(RecordsError::Unavailable(_))),
        "no connection: {waiting:?}"
    );
    records.now().await.unwrap();
}
