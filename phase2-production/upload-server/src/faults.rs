//! Faults that tests inject: a replica is cut off from Redis, Redis loses data, the database is
//! locked.

use records::{AnyConnection, BoxFuture, Records, RecordsError, Scope};
use redis::{AsyncConnectionConfig, FromRedisValue};
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
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

/// Sends a command to Redis, bypassing the replicas. It waits for the reply without the default
/// timeout of the client library, 500 ms: a busy machine takes longer.
pub(crate) async fn redis_command<T: FromRedisValue>(url: &str, args: &[&str]) -> T {
    let client = redis::Client::open(url).expect("a URL");
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&config).await;
    let mut command = redis::cmd(args[0]);
    command.arg(&args[1..]);
    command.query_async(&mut connection.expect("Redis")).await.expect("an answer")
}

/// A transaction that holds the write lock of an SQLite file, so that other writers wait.
pub(crate) struct WriteLock {
    done: Arc<Notify>,
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
            + Clone
            + Send
            + 'static,
    {
        let (started, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (has_started, is_done) = (Arc::clone(&started), Arc::clone(&done));
        let records = records.clone();
        let transaction = tokio::spawn(async move {
            let transaction = records.run(Scope::Housekeeping, move |tx| {
                Box::pin(async move {
                    started.notify_one();
                    is_done.notified().await;
                    change(tx).await
                })
            });
            transaction.await
        });
        has_started.notified().await;
        Self { done, transaction }
    }

    pub(crate) async fn release(self) {
        self.done.notify_one();
        self.transaction.await.expect("no panic").expect("a transaction");
    }
}
