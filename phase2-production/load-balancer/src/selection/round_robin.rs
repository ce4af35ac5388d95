//! Each ready backend in turn: every request stands alone, so it does not matter whose
//! turn it is.

use crate::backends::Backend;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct RoundRobin {
    turn: AtomicUsize,
}

impl RoundRobin {
    /// The next backend that takes new clients.
    pub(super) fn pick<'a>(
        &self,
        backends: &[&'a Arc<Backend>],
    ) -> Option<&'a Arc<Backend>> {
        let ready: Vec<_> =
            backends.iter().filter(|backend| backend.takes_new_clients()).collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        ready.get(turn.checked_rem(ready.len())?).map(|backend| **backend)
    }
}
