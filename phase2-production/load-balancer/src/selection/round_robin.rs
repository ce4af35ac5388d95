//! Round robin: each ready backend in turn. For servers without local sessions, where any
//! replica can serve any request.

use super::tried::is_tried;
use crate::backends::Backend;
use std::sync::{Arc, Mutex, PoisonError};

/// The position in the full list of backends. A position in the list of ready ones would
/// move whenever a backend fails or returns, and some backends would get more than their
/// share.
#[derive(Debug, Default)]
pub(crate) struct RoundRobin {
    next: Mutex<usize>,
}

impl RoundRobin {
    /// The next backend that takes new clients and is not in `tried`.
    pub(super) fn pick<'a>(
        &self,
        backends: &'a [Arc<Backend>],
        tried: &[&'a Arc<Backend>],
    ) -> Option<&'a Arc<Backend>> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let count = backends.len();
        let found = (0..count).map(|step| (*next + step) % count).find(|at| {
            let backend = &backends[*at];
            backend.takes_new_clients() && !is_tried(backend, tried)
        })?;
        *next = (found + 1) % count;
        Some(&backends[found])
    }
}
