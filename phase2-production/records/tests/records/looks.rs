//! Transactions that only look: they wait for no writer, and change nothing.

use crate::seed::{deed, in_org_of, org, people, write};
use crate::store::{Store, on_both};
use records::audit;
use tokio::sync::oneshot;

on_both! {
    who_only_looks_waits_for_no_writer_and_sees_what_is_committed,
    who_only_looks_changes_nothing,
}

async fn seen(store: &Store) -> usize {
    let rows = store.records.look(in_org_of("alice"), |tx| {
        Box::pin(async move { audit::list(tx, &org("t1"), 100, None).await })
    });
    rows.await.unwrap().len()
}

async fn who_only_looks_waits_for_no_writer_and_sees_what_is_committed(store: Store) {
    people(&store).await;
    write(&store.records, "before").await.unwrap();
    let (inside, is_inside) = oneshot::channel();
    let (leave, may_leave) = oneshot::channel::<()>();
    let row = deed("t1", "under way");
    let writing = store.records.run(in_org_of("alice"), move |tx| {
        Box::pin(async move {
            audit::write(tx, &row).await?;
            let _ = inside.send(());
            let _ = may_leave.await;
            Ok(())
        })
    });
    let looking = async {
        is_inside.await.unwrap();
        // Were it to wait for the writer, it would wait for ever: the writer waits for it.
        let before = seen(&store).await;
        store.records.now().await.unwrap();
        leave.send(()).unwrap();
        before
    };
    let (written, before) = tokio::join!(writing, looking);
    written.unwrap();
    assert_eq!((before, seen(&store).await), (1, 2));
}

async fn who_only_looks_changes_nothing(store: Store) {
    people(&store).await;
    let row = deed("t1", "by mistake");
    let looked = store.records.look(in_org_of("alice"), move |tx| {
        Box::pin(async move { audit::write(tx, &row).await })
    });
    // Postgres says the same of a server that has become a standby, so the kind is no help.
    assert!(looked.await.is_err());
    assert_eq!(seen(&store).await, 0);
    write(&store.records, "on purpose").await.unwrap();
    assert_eq!(seen(&store).await, 1);
}
