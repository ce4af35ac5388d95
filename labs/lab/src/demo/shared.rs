//! The state that all users of a configuration share.

use crate::demo::configuration::Configuration;
use crate::demo::ledger::Ledger;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// The state that all users of a configuration share.
pub(crate) struct SharedState {
    pub(crate) configuration: Configuration,
    pub(crate) url: String,
    pub(crate) stop: CancellationToken,
    /// Set while the demo waits for Enter: users at full speed would fill the disk.
    slowed_down: AtomicBool,
    ledger: Mutex<Ledger>,
}

impl SharedState {
    pub(crate) fn new(configuration: Configuration, url: String, users: usize) -> Self {
        let ledger = Mutex::new(Ledger::new(users));
        let (stop, slowed_down) = (CancellationToken::new(), AtomicBool::new(false));
        Self { configuration, url, stop, slowed_down, ledger }
    }

    pub(crate) fn slow_down(&self, slowed_down: bool) {
        self.slowed_down.store(slowed_down, Ordering::Relaxed);
    }

    pub(crate) fn is_slowed_down(&self) -> bool {
        self.slowed_down.load(Ordering::Relaxed)
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
