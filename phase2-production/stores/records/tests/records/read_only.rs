//! Read-only transactions: they wait for no writer and change nothing.

use crate::seed::{add_accounts, audit_row, in_org_of, org, write};
use crate::store::{Store, on_both};
use records::audit;
use std::sync::Arc;
use tokio::sync::Notify;

on_both! {
    reader_sees_commits_without_waiting_for_writers,
    read_only_transaction_refuses_writes,
}

async fn seen(store: &Store) -> usize {
    let rows = store.records.read(in_org_of("alice"), |tx| {
        Box::pin(async move { audit::list(tx, &org("t1"), 100, None).await })
    });
    rows.await.unwrap().len()
}

async fn reader_sees_commits_without_waiting_for_writers(store: Store) {
    add_accounts(&store).await;
    write(&store.records, "before").await.unwrap();
    let (inside, may_commit) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (is_inside, may_leave) = (Arc::clone(&inside), Arc::clone(&may_commit));
    let row = audit_row("t1", "under way");
    let writing = store.records.run(in_org_of("alice"), move |tx| {
        Box::pin(async move {
            audit::write(tx, &row).await?;
            inside.notify_one();
            may_leave.notified().await;
            Ok(())
        })
    });
    let reading = async {
        is_inside.notified().await;
        // If it waited for the writer it would deadlock, because the writer waits for it.
        let before = seen(&store).await;
        store.records.now().await.unwrap();
        may_commit.notify_one();
        before
    };
    let (outcome, before) = tokio::join!(writing, reading);
    outcome.unwrap();
    assert_eq!((before, seen(&store).await), (1, 2));
}

async fn read_only_transaction_refuses_writes(store: Store) {
    add_accounts(&store).await;
    let row = audit_row("t1", "by mistake");
    let refused = store.records.read(in_org_of("alice"), move |tx| {
        Box::pin(async move { audit::write(tx, &row).await })
    });
    // A Postgres that became a standby gives the same error, so its kind proves nothing.
    assert!(refused.await.is_err());
    assert_eq!(seen(&store).await, 0);
    write(&store.records, "on purpose").await.unwrap();
    assert_eq!(seen(&store).await, 1);
}
