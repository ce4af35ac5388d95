//! The state that all users of a configuration share.

use crate::demo::lane::Lane;
use crate::demo::ledger::Ledger;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// The state that all users of a configuration share.
pub(crate) struct Shared {
    pub(crate) lane: Lane,
    pub(crate) url: String,
    pub(crate) stop: CancellationToken,
    /// Set while the demo waits for Enter: users at full speed would fill the disk.
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
