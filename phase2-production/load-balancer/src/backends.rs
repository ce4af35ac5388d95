//! Who exists: the backends by stable id, in the order in which they were added.
//!
//! A [`Backend`] is one process at one address. When a replica comes back on another
//! port, its id gets a new object, which has to prove itself; requests under way keep
//! the old one alive until they end.

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
    /// Replaced whole at each change, so that a request can work on the list as it was
    /// when the request came.
    list: RwLock<Arc<List>>,
    checks: Checks,
    all_gone: CancellationToken,
    _gone_when_dropped: DropGuard,
}

impl Backends {
    /// None yet.
    pub(crate) fn new(checks: Checks) -> Self {
        let all_gone = CancellationToken::new();
        let _gone_when_dropped = all_gone.clone().drop_guard();
        Self { list: RwLock::default(), checks, all_gone, _gone_when_dropped }
    }

    /// The list as it is now.
    pub(crate) fn all(&self) -> Arc<List> {
        Arc::clone(&self.list.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is known of all of them.
    pub(crate) fn statuses(&self) -> Vec<BackendStatus> {
        self.all().iter().map(|backend| backend.status()).collect()
    }

    /// Adds a backend, or gives it an address. Either way it is a process of which
    /// nothing is known: not drained, and without requests until a check has passed.
    ///
    /// # Panics
    /// Outside a tokio runtime: the checks are a task.
    pub(crate) fn put(&self, id: &str, address: SocketAddr) -> BackendStatus {
        let gone = self.all_gone.child_token();
        let added = Backend::unproven(id, address, self.checks, gone);
        let added = self.change(|list| {
            let Some(former) = list.iter_mut().find(|backend| backend.id() == id) else {
                let added = Arc::new(added);
                list.push(Arc::clone(&added));
                return added;
            };
            let added = Arc::new(added.succeeding(former));
            std::mem::replace(former, Arc::clone(&added)).leave();
            added
        });
        tracing::info!(id, %address, "backend {id} is at {address}");
        tokio::spawn(check::keep_checking(Arc::clone(&added)));
        added.status()
    }

    /// Removes a backend; what it has under way goes on. False: there was none.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let removed = self.change(|list| {
            let at = list.iter().position(|backend| backend.id() == id)?;
            Some(list.remove(at))
        });
        if let Some(backend) = &removed {
            backend.leave();
            tracing::info!(id, "backend {id} removed");
        }
        removed.is_some()
    }

    /// Drains a backend by order, or ends that. `None`: there is no such backend.
    pub(crate) fn set_drained(&self, id: &str, drained: bool) -> Option<BackendStatus> {
        let all = self.all();
        let backend = all.iter().find(|backend| backend.id() == id)?;
        backend.set_drained(drained);
        Some(backend.status())
    }

    fn change<T>(&self, change: impl FnOnce(&mut List) -> T) -> T {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut list))
    }
}
