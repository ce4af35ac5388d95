//! What the users of a lane have in common: where to knock, when to stop, what happened.

use crate::demo::lane::Lane;
use crate::demo::ledger::Ledger;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// What the users of a lane have in common.
pub(crate) struct Shared {
    pub(crate) lane: Lane,
    pub(crate) url: String,
    pub(crate) stop: CancellationToken,
    /// Somebody talks, and a crowd at full speed would only fill the disk meanwhile.
    resting: AtomicBool,
    ledger: Mutex<Ledger>,
}

impl Shared {
    pub(crate) fn new(lane: Lane, url: String, users: usize) -> Self {
        let ledger = Mutex::new(Ledger::new(users));
        let (stop, resting) = (CancellationToken::new(), AtomicBool::new(false));
        Self { lane, url, stop, resting, ledger }
    }

    pub(crate) fn rest(&self, resting: bool) {
        self.resting.store(resting, Ordering::Relaxed);
    }

    pub(crate) fn is_resting(&self) -> bool {
        self.resting.load(Ordering::Relaxed)
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
