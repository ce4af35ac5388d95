//! Faults that tests inject: a replica is cut off from Redis, the database is locked.

use records::{AnyConnection, BoxFuture, Records, RecordsError, Scope};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// A proxy to the Redis at `to`. The sender cuts it permanently.
pub(crate) async fn cuttable_proxy(to: &str) -> (String, watch::Sender<bool>) {
    let (head, place) = to.rsplit_once('@').expect("a password");
    let (head, place) = (head.to_owned(), place.to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (cut, is_cut) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (place, mut is_cut) = (place.clone(), is_cut.clone());
            tokio::spawn(async move {
                let Ok(mut far) = TcpStream::connect(place).await else { return };
                tokio::select! {
                    _ = is_cut.wait_for(|cut| *cut) => {}
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                }
            });
        }
    });
    (format!("{head}@{address}"), cut)
}

/// A transaction that holds the write lock of an SQLite file, so that other writers wait.
pub(crate) struct WriteLock {
    done: oneshot::Sender<()>,
    transaction: JoinHandle<Result<(), RecordsError>>,
}

impl WriteLock {
    pub(crate) async fn hold(records: &Records) -> Self {
        Self::hold_before(records, |_tx| Box::pin(async { Ok(()) })).await
    }

    /// The transaction ends with `change`.
    pub(crate) async fn hold_before<Change>(records: &Records, change: Change) -> Self
    where
        Change: for<'t> FnOnce(
                &'t mut AnyConnection,
            ) -> BoxFuture<'t, Result<(), RecordsError>>
            + Send
            + 'static,
    {
        let (started, has_started) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let records = records.clone();
        let transaction = tokio::spawn(async move {
            let transaction = records.run(Scope::Housekeeping, move |tx| {
                Box::pin(async move {
                    started
                        .send(())
                        .map_err(|()| RecordsError::broken("the test has ended"))?;
                    is_done.await.map_err(RecordsError::broken)?;
                    change(tx).await
                })
            });
            transaction.await
        });
        has_started.await.expect("a transaction");
        Self { done, transaction }
    }

    pub(crate) async fn release(self) {
        self.done.send(()).expect("the transaction is open");
        self.transaction.await.expect("no panic").expect("a transaction");
    }
}
