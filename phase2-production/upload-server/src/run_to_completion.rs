//! A task that a disconnect cannot cancel.
//!
//! axum drops a handler when its client disconnects. The steps after a commit (writing to
//! Redis, removing sessions from memory) must run anyway.

use std::future::pending;
use std::panic::resume_unwind;
use tracing::Instrument;

/// Runs `work` to completion even if the request is cancelled.
pub(crate) async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => done,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is shutting down, so no reply is needed.
            Err(_cancelled) => pending().await,
        },
    }
}
