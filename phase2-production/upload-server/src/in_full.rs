//! Work that runs to its end.
//!
//! axum drops a handler when its client disconnects. Between a commit and what has to follow
//! it (telling Redis, ending what lies in memory) that must not happen.

use std::future::pending;
use std::panic::resume_unwind;
use tracing::Instrument;

/// Runs to its end whatever becomes of the request.
pub(crate) async fn in_full<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => done,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The program is shutting down: nobody is there to be answered.
            Err(_cancelled) => pending().await,
        },
    }
}
