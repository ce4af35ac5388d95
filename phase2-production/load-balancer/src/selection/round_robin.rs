//! Round robin: each ready backend in turn. For servers without local sessions, where any
//! replica can serve any request.

use crate::backends::Backend;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The round-robin counter.
#[derive(Debug, Default)]
pub(crate) struct RoundRobin {
    next: AtomicUsize,
}

impl RoundRobin {
    /// The next backend that takes new clients.
    pub(super) fn pick<'a>(
        &self,
        backends: &[&'a Arc<Backend>],
    ) -> Option<&'a Arc<Backend>> {
        let ready: Vec<_> =
            backends.iter().filter(|backend| backend.takes_new_clients()).collect();
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        ready.get(next.checked_rem(ready.len())?).map(|backend| **backend)
    }
}
