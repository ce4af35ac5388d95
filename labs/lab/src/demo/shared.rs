//! The state that all users of a configuration share.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;

/// The state that all users of a configuration share.
#[derive(Default)]
pub(crate) struct SharedState {
    pub(crate) stop: CancellationToken,
    /// Set while the demo waits for Enter: users at full speed would fill the disk.
    slowed_down: AtomicBool,
}

impl SharedState {
    pub(crate) fn slow_down(&self, slowed_down: bool) {
        self.slowed_down.store(slowed_down, Ordering::Relaxed);
    }

    pub(crate) fn is_slowed_down(&self) -> bool {
        self.slowed_down.load(Ordering::Relaxed)
    }
}
