//! A faulty backend that runs a script. Its health checks are answered with 200.

use crate::wire::Wire;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// A reply that leaves the connection open.
pub(crate) const OK: &[u8] =
    b"HTTP/1.1 200 OK\r\nX-Served-By: scripted\r\nContent-Length: 0\r\n\r\n";

/// A running script.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    counter: Counter,
    _running: AbortOnDropHandle<()>,
}

impl Scripted {
    /// Answers one request of each connection with `size` bytes.
    pub(crate) async fn sending(size: usize) -> Self {
        Self::start(move |mut wire, _| async move {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
            wire.send(head.as_bytes()).await;
            wire.send(&vec![b'x'; size]).await;
            let _closed = wire.read_head().await;
        })
        .await
    }

    /// Runs `script` for each connection, once a request's head has been read.
    pub(crate) async fn start<S, F>(script: S) -> Self
    where
        S: Fn(Wire, Counter) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (script, counter) = (Arc::new(script), Counter::default());
        let handle = counter.clone();
        let running = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, counter) = (Arc::clone(&script), handle.clone());
                tokio::spawn(async move {
                    let mut wire = Wire::new(stream);
                    if !counter.read_head(&mut wire).await {
                        return;
                    }
                    script(wire, counter).await;
                });
            }
        });
        Self { address, counter, _running: AbortOnDropHandle::new(running) }
    }

    /// A backend that answers every request with [`OK`].
    pub(crate) async fn well_behaved() -> Self {
        Self::start(|mut wire, counter| async move {
            wire.read_body().await;
            wire.send(OK).await;
            while counter.read_head(&mut wire).await {
                wire.read_body().await;
                wire.send(OK).await;
            }
        })
        .await
    }

    /// From now on accepts connections and sends nothing, as a stopped process does.
    pub(crate) fn hang(&self) {
        self.counter.hung.store(true, Ordering::Relaxed);
    }

    /// The number of requests that have arrived, complete or not.
    pub(crate) fn requests(&self) -> usize {
        self.counter.requests.load(Ordering::Relaxed)
    }
}

/// Counts requests while reading their heads.
#[derive(Clone, Default)]
pub(crate) struct Counter {
    requests: Arc<AtomicUsize>,
    hung: Arc<AtomicBool>,
}

impl Counter {
    /// Reads the head of the next request that is not a health check.
    pub(crate) async fn read_head(&self, wire: &mut Wire) -> bool {
        while wire.read_head().await {
            if self.hung.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            if !wire.first_line().starts_with("GET /readyz ") {
                self.requests.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            wire.send(OK).await;
        }
        false
    }
}
