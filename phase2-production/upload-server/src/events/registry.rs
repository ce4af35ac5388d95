//! Counts the WebSocket connections of this process and closes them at shutdown. hyper's
//! graceful shutdown does not cover them: an upgraded connection counts as finished.

use super::subscribers::Subscribers;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use upload_domain::username::Username;

/// Most connections of one caller on one replica.
const MAX_PER_CALLER: usize = 8;

/// Most connections on one replica.
const MAX_CONNECTIONS: usize = 2_000;

/// The connections of this process. Clones share the registry.
#[derive(Clone, Default)]
pub(crate) struct Connections(Arc<Registry>);

#[derive(Default)]
struct Registry {
    open: Mutex<HashMap<Username, usize>>,
    subscribers: Subscribers,
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// Permission for one connection; released on drop.
pub(crate) struct Permit {
    connections: Connections,
    of: Username,
}

impl Connections {
    /// A permit for one more connection; `None` at either limit.
    pub(crate) fn acquire(&self, caller: &Username) -> Option<Permit> {
        let mut open = self.open();
        let total: usize = open.values().sum();
        let own = open.get(caller).copied().unwrap_or_default();
        if own >= MAX_PER_CALLER || total >= MAX_CONNECTIONS {
            return None;
        }
        open.insert(caller.clone(), own + 1);
        metrics::gauge!("upload_server_event_websockets").increment(1.0);
        Some(Permit { connections: self.clone(), of: caller.clone() })
    }

    /// The connections to notify of new files.
    pub(super) fn subscribers(&self) -> &Subscribers {
        &self.0.subscribers
    }

    /// Tracks a connection's task, so that shutdown waits for it.
    pub(super) fn track(
        self,
        task: impl Future<Output = ()>,
    ) -> impl Future<Output = ()> {
        self.0.tasks.track_future(task)
    }

    /// Resolves when the process shuts down.
    pub(super) async fn closing(&self) {
        self.0.closing.cancelled().await;
    }

    /// Asks all connections to close; their clients reconnect to another replica.
    pub(crate) fn close(&self) {
        self.0.closing.cancel();
    }

    /// Waits until all connections are closed, at most for `timeout`.
    pub(crate) async fn close_all(&self, timeout: Duration) {
        self.close();
        self.0.tasks.close();
        let closed = tokio::time::timeout(timeout, self.0.tasks.wait());
        if closed.await.is_err() {
            tracing::warn!("some connections are still open at the drain deadline");
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Username, usize>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        if let Some(own) = open.get_mut(&self.of) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.of);
            }
        }
        metrics::gauge!("upload_server_event_websockets").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_per_caller_are_limited() {
        let (connections, name) =
            (Connections::default(), |text| Username::parse(text).unwrap());
        let mut permits: Vec<_> = (0..MAX_PER_CALLER)
            .map(|_| connections.acquire(&name("alice")).unwrap())
            .collect();
        assert!(connections.acquire(&name("alice")).is_none());
        assert!(connections.acquire(&name("bob")).is_some());
        permits.pop();
        assert!(connections.acquire(&name("alice")).is_some());
        drop(permits);
        assert!(connections.open().is_empty());
    }
}
