//! The list of backends by stable id, in the order in which they were added.
//!
//! A [`Backend`] is one process at one address. When a replica restarts on another port,
//! its id gets a new object, which must pass a health check. Requests in flight keep the old
//! object alive until they end.

mod backend;

pub(crate) use backend::{Backend, InFlight};

use crate::config::Checks;
use crate::health::check;
use crate::status::BackendStatus;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_util::sync::{CancellationToken, DropGuard};

type List = Vec<Arc<Backend>>;

/// All backends.
#[derive(Debug)]
pub(crate) struct Backends {
    /// Replaced as a whole at each change, so that a request sees one list throughout.
    list: RwLock<Arc<List>>,
    checks: Checks,
    stop_all: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl Backends {
    /// An empty list.
    pub(crate) fn new(checks: Checks) -> Self {
        let stop_all = CancellationToken::new();
        let _stop_on_drop = stop_all.clone().drop_guard();
        Self { list: RwLock::default(), checks, stop_all, _stop_on_drop }
    }

    /// The current list.
    pub(crate) fn all(&self) -> Arc<List> {
        Arc::clone(&self.list.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The status of each.
    pub(crate) fn statuses(&self) -> Vec<BackendStatus> {
        self.all().iter().map(|backend| backend.status()).collect()
    }

    /// Adds a backend, or changes its address. Either way it is a new process: not drained,
    /// and without requests until a check has passed.
    ///
    /// # Panics
    /// Outside a tokio runtime, because the checks are a task.
    pub(crate) fn put(&self, id: &str, address: SocketAddr) -> BackendStatus {
        let stop = self.stop_all.child_token();
        let added = Backend::unchecked(id, address, self.checks, stop);
        let added = self.change(|list| {
            let Some(previous) = list.iter_mut().find(|backend| backend.id() == id)
            else {
                let added = Arc::new(added);
                list.push(Arc::clone(&added));
                return added;
            };
            let added = Arc::new(added.replacing(previous));
            std::mem::replace(previous, Arc::clone(&added)).remove();
            added
        });
        tracing::info!(id, %address, "backend {id} is at {address}");
        tokio::spawn(check::run_checks(Arc::clone(&added)));
        added.status()
    }

    /// Removes a backend; its requests in flight go on. False: there was none.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let removed = self.change(|list| {
            let at = list.iter().position(|backend| backend.id() == id)?;
            Some(list.remove(at))
        });
        if let Some(backend) = &removed {
            backend.remove();
            tracing::info!(id, "backend {id} removed");
        }
        removed.is_some()
    }

    /// Drains a backend by command, or ends that. `None`: there is no such backend.
    pub(crate) fn set_drained(&self, id: &str, drained: bool) -> Option<BackendStatus> {
        let all = self.all();
        let backend = all.iter().find(|backend| backend.id() == id)?;
        backend.set_drained(drained);
        Some(backend.status())
    }

    /// Closes one idle connection of the backend that has most of them. False: there is none.
    pub(crate) fn close_idle_connection(&self) -> bool {
        let all = self.all();
        let most = all.iter().max_by_key(|backend| backend.pool().len());
        most.is_some_and(|backend| backend.pool().close_oldest())
    }

    fn change<T>(&self, change: impl FnOnce(&mut List) -> T) -> T {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut list))
    }
}
