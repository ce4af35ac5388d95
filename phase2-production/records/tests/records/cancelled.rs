//! A client that goes away at any moment costs nobody else an acknowledged row.

use crate::seed::{deed, in_org_of, people, write, written};
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
    two_hundred_cancelled_requests_lose_no_acknowledged_row,
    a_mistake_in_the_work_leaves_nothing_behind,
    a_panic_reaches_the_caller_and_leaves_nothing_behind,
}

/// Two rows in one transaction: both or none.
async fn pair(records: &Records, request_id: &str) -> Result<(), RecordsError> {
    let (first, second) = (deed("t1", request_id), deed("t1", request_id));
    let both = records.run(in_org_of("alice"), move |tx| {
        Box::pin(async move {
            audit::write(tx, &first).await?;
            audit::write(tx, &second).await
        })
    });
    both.await
}

async fn two_hundred_cancelled_requests_lose_no_acknowledged_row(store: Store) {
    people(&store).await;
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (polls, time) = undisturbed(&store).await;
    let mut cancelled = 0;
    for number in 0..200 {
        let request = format!("cancelled-{number}");
        let request = pair(&store.records, &request);
        // Half of them at a random time, half between any two steps of theirs.
        let done = if number % 2 == 0 {
            timeout(random.random_range(Duration::ZERO..time), request).await.ok()
        } else {
            polled(random.random_range(1..polls), request).await
        };
        cancelled += u32::from(done.is_none());
        if number % 10 == 9 {
            nobody_waits_in_a_transaction(&store).await;
            on_every_connection(&store, &format!("checked-{number}")).await;
        }
    }
    store.records.close().await;
    let mut found: HashMap<String, u32> = HashMap::new();
    for request in written(&store.another().await).await {
        *found.entry(request).or_default() += 1;
    }
    let checked = found.iter().filter(|(request, _)| request.starts_with("checked"));
    assert_eq!(checked.count(), 20 * connections(&store), "of {cancelled} cancelled");
    assert!(cancelled > 20, "only {cancelled} were cancelled: this proves nothing");
    for (request, rows) in found {
        let whole = if request.starts_with("checked") { 1 } else { 2 };
        assert_eq!(rows, whole, "{request}");
    }
}

/// How often a request is polled that nobody cancels, and how long it takes: the least of
/// ten, so that most of those that are cancelled earlier were not done.
async fn undisturbed(store: &Store) -> (u32, Duration) {
    let (mut fewest, mut shortest) = (u32::MAX, Duration::MAX);
    for number in 0..10 {
        let name = format!("undisturbed-{number}");
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

/// Polls a future so often, then drops it; `None` when it was not ready by then.
async fn polled<T>(mut times: u32, future: impl Future<Output = T>) -> Option<T> {
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

/// One acknowledged row on each connection of the pool: all are held at the same time.
async fn on_every_connection(store: &Store, request: &str) {
    let everybody = Arc::new(Barrier::new(connections(store)));
    let mut writers = JoinSet::new();
    for number in 0..connections(store) {
        let (records, everybody) = (store.records.clone(), Arc::clone(&everybody));
        let deed = deed("t1", &format!("{request}-{number}"));
        writers.spawn(async move {
            let write = records.run(in_org_of("alice"), move |tx| {
                Box::pin(async move {
                    everybody.wait().await;
                    audit::write(tx, &deed).await
                })
            });
            write.await.expect("acknowledged");
        });
    }
    writers.join_all().await;
}

/// No connection that is idle in the pool is inside a transaction. The wait is shorter than
/// the limit after which Postgres would end such a transaction itself.
async fn nobody_waits_in_a_transaction(store: &Store) {
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
        assert!(began.elapsed() < Duration::from_secs(3), "{waiting} wait for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_mistake_in_the_work_leaves_nothing_behind(store: Store) {
    people(&store).await;
    let row = deed("t1", "undone");
    let failed = store.records.run(in_org_of("alice"), move |tx| {
        Box::pin(async move {
            audit::write(tx, &row).await?;
            tx.execute("SELECT nonsense").await?;
            Ok(())
        })
    });
    assert!(matches!(failed.await, Err(RecordsError::Broken(_))));
    write(&store.records, "kept").await.unwrap();
    assert_eq!(written(&store.another().await).await, ["kept"]);
}

async fn a_panic_reaches_the_caller_and_leaves_nothing_behind(store: Store) {
    people(&store).await;
    let (records, row) = (store.records.clone(), deed("t1", "undone"));
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
    assert_eq!(written(&store.another().await).await.len(), 10);
}

/// Postgres answers the COMMIT of a failed transaction with success.
#[tokio::test]
async fn an_error_that_was_passed_over_is_not_acknowledged() {
    let Some(store) = Store::postgres().await else { return };
    people(&store).await;
    let row = deed("t1", "swallowed");
    let passed_over = store.records.run(in_org_of("alice"), move |tx| {
        Box::pin(async move {
            audit::write(tx, &row).await?;
            let _ = tx.execute("SELECT nonsense").await;
            Ok(())
        })
    });
    assert!(matches!(passed_over.await, Err(RecordsError::Broken(_))));
    assert_eq!(written(&store.records).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_transaction_that_takes_too_long_is_ended() {
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
            // It has the only connection, for longer than Postgres lets anybody be silent
            // and than anybody waits for a turn.
            has_taken.notify_one();
            tokio::time::sleep(Duration::from_millis(2500)).await;
            Ok(tx.execute("SELECT 1").await.map(drop)?)
        })
    });
    let (silent, hungry) = tokio::join!(silent, async {
        taken.notified().await;
        records.now().await
    });
    assert!(matches!(silent, Err(RecordsError::Unavailable(_))), "{silent:?}");
    assert!(matches!(hungry, Err(RecordsError::Unavailable(_))), "no turn: {hungry:?}");
    records.now().await.unwrap();
}
