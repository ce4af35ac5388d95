//! What tests do to the stores: Redis is cut off from one replica, the records are kept busy.

use records::{AnyConnection, BoxFuture, Records, RecordsError, Scope};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// A way to the Redis at `to` that can be cut, for ever.
pub(crate) async fn cuttable(to: &str) -> (String, watch::Sender<bool>) {
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

/// A transaction in an SQLite file, before which nobody else can change anything.
pub(crate) struct Busy {
    done: oneshot::Sender<()>,
    held: JoinHandle<Result<(), RecordsError>>,
}

impl Busy {
    pub(crate) async fn with(records: &Records) -> Self {
        Self::before(records, |_tx| Box::pin(async { Ok(()) })).await
    }

    /// It ends with `change`.
    pub(crate) async fn before<Change>(records: &Records, change: Change) -> Self
    where
        Change: for<'t> FnOnce(
                &'t mut AnyConnection,
            ) -> BoxFuture<'t, Result<(), RecordsError>>
            + Send
            + 'static,
    {
        let (begun, has_begun) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let records = records.clone();
        let held = tokio::spawn(async move {
            let held = records.run(Scope::Housekeeping, move |tx| {
                Box::pin(async move {
                    begun.send(()).map_err(|()| RecordsError::broken("nobody waits"))?;
                    is_done.await.map_err(RecordsError::broken)?;
                    change(tx).await
                })
            });
            held.await
        });
        has_begun.await.expect("a transaction");
        Self { done, held }
    }

    pub(crate) async fn end(self) {
        self.done.send(()).expect("it is still there");
        self.held.await.expect("no panic").expect("a transaction");
    }
}
